//! `heedful watch`

use super::inspect::Forms;
use super::screen::Screen;
use clap::Args;
use heedful::dynamic::Model;
use heedful::watch::{FrameReader, Received};
use heedful_lab::Error;
use heedful_lab::head_index::HeadIndex;
use heedful_lab::inspect::model;
use heedful_lab::inspect::watched::Watched;
use heedful_lab::watch::{Assembler, Fit, Inference, WatchError};
use serial2::SerialPort;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Watch what heads attend to on a device that sends rows as frames (heedful::watch::Frames), and write the report.
///
/// In a terminal, it draws the heads of each inference; anywhere else, it prints a line for each. It ends with the
/// stream, or with Ctrl-C, and then writes what was asked for.
#[derive(Debug, Args)]
pub struct Watch {
    /// Where frames come from: a file, `-` for standard input, or a serial device such as /dev/ttyACM0 or COM3.
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// The model that the firmware contains: its labels, and what a report needs.
    #[arg(long, value_name = "FILE.heed")]
    model: Option<PathBuf>,
    /// Bits a second of a serial device.
    #[arg(long, value_name = "BAUD", default_value_t = 115_200)]
    baud: u32,
    /// Draw these heads alone in the report, such as 2.1,3.0 (block.head, both from 0).
    #[arg(long, value_name = "BLOCK.HEAD,…", value_delimiter = ',', requires = "model")]
    heads: Vec<HeadIndex>,
    #[command(flatten)]
    forms: Forms,
}

/// What comes from beside.
enum News {
    Bytes(Vec<u8>),
    /// The stream is at its end, well or not.
    End(io::Result<()>),
}

/// Pieces that wait, at most: a file is not read faster than it is drawn.
const WAITING: usize = 64;
/// How long Ctrl-C waits for an answer, at most, where nothing comes.
const PATIENCE: Duration = Duration::from_millis(100);

/// Where bytes come from, and whether Ctrl-C was pressed.
struct Ear {
    news: Receiver<News>,
    stop: Arc<AtomicBool>,
}

impl Watch {
    /// Watches to the end, and writes what was asked for.
    pub fn run(self) -> Result<(), Error> {
        if self.forms.any() && self.model.is_none() {
            return Err(Error::Inspect(
                "a report needs the model that the firmware contains: --model FILE.heed".into(),
            ));
        }
        let loaded = self.model.as_deref().map(model).transpose()?;
        let model = loaded.as_ref().map(|(model, bytes)| (model, &bytes[..]));
        if let Some((model, _)) = model {
            self.heads.iter().try_for_each(|head| head.check(model.heads()))?;
        }
        let mut session = Session::new(model);
        let ended = session.follow(&self.listen()?)?;
        session.say_counts();
        // Of a device that went away, what came until then is written first.
        self.write(session, model)?;
        ended.map_err(Error::io(&self.from))
    }

    /// Reads beside, so that Ctrl-C is seen whatever comes.
    fn listen(&self) -> Result<Ear, Error> {
        let source = self.open().map_err(Error::io(&self.from))?;
        let (sender, news) = sync_channel(WAITING);
        let stop = Arc::new(AtomicBool::new(false));
        // Without it Ctrl-C ends the program, and no report is written: no reason to see nothing.
        _ = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&stop));
        thread::spawn(move || read_on(source, &sender));
        Ok(Ear { news, stop })
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        if self.from == Path::new("-") {
            return Ok(Box::new(io::stdin()));
        }
        if is_device(&self.from) {
            return Ok(Box::new(SerialPort::open(&self.from, self.baud)?));
        }
        Ok(Box::new(File::open(&self.from)?))
    }

    fn write(&self, session: Session<'_>, model: Option<(&Model, &[u8])>) -> Result<(), Error> {
        let (counts, begun) = (session.reader.counts(), session.assembler.begun());
        if counts.frames == 0 {
            return Err(WatchError::Nothing.into());
        }
        let (Some((_, bytes)), Some(watched), true) = (model, session.watched, self.forms.any()) else { return Ok(()) };
        if watched.inferences() == 0 {
            return Err(WatchError::NoneWhole { inferences: begun, lost: counts.lost }.into());
        }
        let mut notes = vec![format!("{begun} inferences from a device: {counts}")];
        if watched.inferences() < begun {
            notes.push(format!("{} inferences did not come whole and are left out", begun - watched.inferences()));
        }
        let title = self.model.as_deref().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        self.forms.write(&watched.report(title, bytes, notes, &self.heads))
    }
}

/// A serial port, not a file or a pipe.
#[cfg(unix)]
fn is_device(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|data| data.file_type().is_char_device())
}

#[cfg(not(unix))]
fn is_device(path: &Path) -> bool {
    path.to_str().is_some_and(|name| name.trim_start_matches(r"\\.\").starts_with("COM"))
}

/// Sends what it reads until the stream ends or nobody takes it.
fn read_on(mut source: impl Read, sender: &SyncSender<News>) {
    let mut piece = vec![0; 4096];
    loop {
        let news = match source.read(&mut piece) {
            Ok(0) => News::End(Ok(())),
            Ok(count) => News::Bytes(piece[..count].to_vec()),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => continue,
            Err(error) => News::End(Err(error)),
        };
        let ends = matches!(news, News::End(_));
        if sender.send(news).is_err() || ends {
            return;
        }
    }
}

/// What a reader found, in its order.
enum Seen {
    Text(String),
    Inference(Inference),
}

/// What came, and what is on the screen.
struct Session<'m> {
    reader: FrameReader,
    assembler: Assembler,
    fit: Option<Fit<'m>>,
    watched: Option<Watched<'m>>,
    labels: &'m [String],
    screen: Screen,
}

impl<'m> Session<'m> {
    fn new(model: Option<(&'m Model, &'m [u8])>) -> Self {
        Self {
            reader: FrameReader::new(),
            assembler: Assembler::default(),
            fit: model.map(|(model, bytes)| Fit::new(model, bytes)),
            watched: model.map(|(model, _)| Watched::new(model)),
            labels: model.map_or(&[], |(model, _)| model.labels()),
            screen: Screen::new(),
        }
    }

    /// Takes all that comes, up to the end.
    fn follow(&mut self, ear: &Ear) -> Result<io::Result<()>, WatchError> {
        while !ear.stop.load(Ordering::Relaxed) {
            match ear.news.recv_timeout(PATIENCE) {
                Ok(News::Bytes(bytes)) => self.take(Some(&bytes))?,
                Ok(News::End(ended)) => {
                    self.take(None)?;
                    return Ok(ended);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(Ok(()))
    }

    /// Bytes, or the end of them.
    fn take(&mut self, bytes: Option<&[u8]>) -> Result<(), WatchError> {
        let Self { reader, assembler, fit, .. } = self;
        let (mut seen, mut wrong) = (vec![], None);
        let mut see = |received: Received<'_>| {
            let fits = fit.as_ref().map_or_else(|| Fit::known(&received), |fit| fit.check(&received));
            match (fits, received) {
                _ if wrong.is_some() => {}
                (Err(error), _) => wrong = Some(error),
                (Ok(()), Received::Text(text)) => seen.push(Seen::Text(text.to_owned())),
                (Ok(()), received) => seen.extend(assembler.take(&received).map(Seen::Inference)),
            }
        };
        match bytes {
            Some(bytes) => reader.push(bytes, &mut see),
            None => reader.finish(&mut see),
        }
        if bytes.is_none() {
            seen.extend(assembler.finish().map(Seen::Inference));
        }
        for one in seen {
            match one {
                Seen::Text(text) => self.screen.text(&text),
                Seen::Inference(inference) => self.show(&inference),
            }
        }
        wrong.map_or(Ok(()), Err)
    }

    fn show(&mut self, inference: &Inference) {
        self.screen.show(inference, self.labels, self.reader.counts());
        let maps = self.fit.as_ref().and_then(|fit| fit.maps(inference));
        if let (Some((maps, said)), Some(watched)) = (maps, &mut self.watched) {
            watched.add(format!("inference-{}", inference.number), &maps, &said);
        }
    }

    fn say_counts(&self) {
        say!("{} inferences, {}", self.assembler.begun(), self.reader.counts());
    }
}
