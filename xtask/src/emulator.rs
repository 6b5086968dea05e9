//! Running firmware under QEMU.

use crate::targets::Target;
use anyhow::{Context, Result, bail};
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// No firmware needs as long; one that hangs is ended.
const PATIENCE: Duration = Duration::from_secs(300);
/// Lines of output that an error quotes.
const QUOTED: usize = 5;

/// Runs `elf` and gives what it printed; a crash, a failure or a hang is an error.
pub fn run(target: &Target, elf: &Path) -> Result<String> {
    run_bytes(target, elf).map(|bytes| text(&bytes))
}

/// [`run`], of firmware that does not print text alone.
pub fn run_bytes(target: &Target, elf: &Path) -> Result<Vec<u8>> {
    let mut child = start(target, elf, &[])?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let status = wait(&mut child)?;
    let complaints = text(&stderr.join().unwrap_or_default());
    printed(status, stdout.join().unwrap_or_default(), &complaints)
}

/// [`run`] with the emulator's log on, which goes to `read` while it is written.
pub fn run_logged(
    target: &Target,
    elf: &Path,
    log: &[&str],
    read: impl FnOnce(BufReader<ChildStderr>) -> Result<()>,
) -> Result<String> {
    let mut child = start(target, elf, log)?;
    let stdout = collect(child.stdout.take());
    let verdict = child.stderr.take().map_or(Ok(()), |log| read(BufReader::new(log)));
    if verdict.is_err() {
        child.kill()?;
    }
    let status = wait(&mut child)?;
    let bytes = stdout.join().unwrap_or_default();
    verdict?;
    printed(status, bytes, "").map(|bytes| text(&bytes))
}

fn start(target: &Target, elf: &Path, further: &[&str]) -> Result<Child> {
    Command::new(target.qemu)
        .args(["-M", target.machine])
        .args(target.clock)
        .args(target.cpu.map(|cpu| ["-cpu", cpu]).iter().flatten())
        .args(["-display", "none", "-serial", "none", "-monitor", "none"])
        .args(further)
        .args(["-semihosting-config", "enable=on,target=native", "-kernel"])
        .arg(elf)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", target.qemu))
}

/// What the firmware printed, if it ended well.
fn printed(status: Option<ExitStatus>, printed: Vec<u8>, complaints: &str) -> Result<Vec<u8>> {
    match status {
        Some(status) if status.success() => Ok(printed),
        Some(status) => {
            bail!("the firmware failed ({status}), last lines:\n{}", last_lines(&text(&printed), complaints))
        }
        None => bail!(
            "the firmware did not end within {} s, last lines:\n{}",
            PATIENCE.as_secs(),
            last_lines(&text(&printed), complaints)
        ),
    }
}

/// The exit status, or nothing if the child had to be killed.
fn wait(child: &mut Child) -> Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Reads a pipe to its end, beside the main thread so that it never fills up.
fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error of the pipe still counts.
            _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn last_lines(printed: &str, complaints: &str) -> String {
    let lines: Vec<&str> = printed.lines().chain(complaints.lines()).collect();
    let start = lines.len().saturating_sub(QUOTED);
    match &lines[start..] {
        [] => "    (none)".into(),
        lines => lines.iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n"),
    }
}
