//! The table of targets. A new one is a new row, and where needed a board in `boards`.

use anyhow::{Context, Result};

/// A core, the board that emulates it and what runs on it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name on the command line and of the golden file.
    pub name: &'static str,
    /// For people.
    pub core: &'static str,
    /// Rust's name of the target.
    pub triple: &'static str,
    /// Further flags of the compiler, such as `-C target-cpu=…`.
    pub rustflags: &'static [&'static str],
    /// Folder under `boards`.
    pub board: &'static str,
    /// Bytes of clips in the firmware, where not all fit.
    pub clip_bytes: Option<&'static str>,
    /// The emulator.
    pub qemu: &'static str,
    /// The machine that it emulates, and for Cortex-M the memory map in `machines`.
    pub machine: &'static str,
    /// The machine's core, where it is not the usual one.
    pub cpu: Option<&'static str>,
    /// The emulator's clock and start-up; all other arguments are the same for all targets.
    pub clock: &'static [&'static str],
    /// The same where the emulated time counts: an instruction takes `2^shift` ns, and sleep no time of ours.
    pub real_time: &'static [&'static str],
    /// The model of the listener, by file name under `models`.
    pub hears: &'static str,
    /// Debian's package with the emulator.
    pub package: &'static str,
    /// Models in the firmware, by file name under `models`.
    pub models: &'static [&'static str],
    /// Whether the random cases of the kernels run, which need 45 KB of RAM: on a larger board where this one has less.
    pub kernels: bool,
    /// Whether all clips must be there, not just those that fit.
    pub all_clips: bool,
    /// Whether it runs the very program of another row, on another core: then it hears no minute of sound, unless all
    /// is asked for.
    pub is_another_core: bool,
}

impl Target {
    /// Instructions in a second of the emulated time, where that counts.
    pub fn rate(&self) -> Result<f64> {
        let shift = self.real_time.iter().find_map(|argument| argument.strip_prefix("shift=")?.split(',').next());
        let shift: i32 = shift.context("no shift=")?.parse()?;
        Ok(1e9 / 2f64.powi(shift))
    }

    /// The same, with a clock by which timers interrupt.
    pub fn in_real_time(&self) -> Self {
        Self { clock: self.real_time, ..*self }
    }

    /// The same instruction set on a board with more memory, where this one has little.
    pub fn with_more_memory(&self) -> Self {
        match self.name {
            "cortex-m0" => Self { machine: "mps2-an385", ..*self },
            _ => *self,
        }
    }
}

/// What the Cortex-M targets share.
const CORTEX_M: Target = Target {
    name: "",
    core: "",
    triple: "",
    rustflags: &[],
    board: "qemu-cortex-m",
    clip_bytes: None,
    qemu: "qemu-system-arm",
    machine: "",
    cpu: None,
    clock: &["-icount", "shift=6"],
    real_time: &["-icount", "shift=4,sleep=off"],
    hears: "digits_nothing",
    package: "qemu-system-arm",
    models: &["digits", "digits_small"],
    kernels: true,
    all_clips: true,
    is_another_core: false,
};

/// What the RISC-V targets share.
const RISCV: Target = Target {
    board: "qemu-riscv",
    qemu: "qemu-system-riscv32",
    machine: "virt",
    clock: &["-bios", "none", "-icount", "shift=0"],
    real_time: &["-bios", "none", "-icount", "shift=4,sleep=off"],
    package: "qemu-system-misc",
    ..CORTEX_M
};

/// What the RISC-V targets with vectors share.
const RVV: Target =
    Target { triple: "riscv32imac-unknown-none-elf", rustflags: &["--cfg=heedful_backend=\"rvv\""], ..RISCV };

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "cortex-m4",
        core: "Cortex-M4 with FPU",
        triple: "thumbv7em-none-eabihf",
        machine: "mps2-an386",
        ..CORTEX_M
    },
    Target { name: "cortex-m3", core: "Cortex-M3", triple: "thumbv7m-none-eabi", machine: "mps2-an385", ..CORTEX_M },
    Target {
        name: "cortex-m7",
        core: "Cortex-M7 with FPU",
        triple: "thumbv7em-none-eabihf",
        machine: "mps2-an500",
        is_another_core: true,
        ..CORTEX_M
    },
    Target {
        name: "cortex-m33",
        core: "Cortex-M33 with DSP and FPU",
        triple: "thumbv8m.main-none-eabihf",
        rustflags: &["-Ctarget-cpu=cortex-m33"],
        machine: "mps2-an505",
        ..CORTEX_M
    },
    Target {
        name: "cortex-m55",
        core: "Cortex-M55 with Helium",
        triple: "thumbv8m.main-none-eabihf",
        rustflags: &["-Ctarget-cpu=cortex-m55"],
        machine: "mps3-an547",
        ..CORTEX_M
    },
    Target {
        name: "cortex-m55-generic",
        core: "Cortex-M55, compiled for no core in particular",
        triple: "thumbv8m.main-none-eabihf",
        rustflags: &["--cfg", "heedful_backend=\"helium\""],
        machine: "mps3-an547",
        ..CORTEX_M
    },
    Target {
        name: "cortex-m0",
        core: "Cortex-M0, 256 KB flash, 16 KB RAM",
        triple: "thumbv6m-none-eabi",
        clip_bytes: Some("180000"),
        machine: "microbit",
        // As many instructions a second as the chip has cycles, nearly.
        real_time: &["-icount", "shift=6,sleep=off"],
        models: &["digits_small"],
        hears: "digits_small",
        all_clips: false,
        ..CORTEX_M
    },
    Target { name: "rv32imac", core: "RV32IMAC", triple: "riscv32imac-unknown-none-elf", ..RISCV },
    Target { name: "rv32imc", core: "RV32IMC", triple: "riscv32imc-unknown-none-elf", ..RISCV },
    Target {
        name: "rvv128",
        core: "RV32IMAC with vectors of 128 bits",
        cpu: Some("rv32,v=true,vlen=128,elen=32,vext_spec=v1.0"),
        ..RVV
    },
    Target {
        name: "rvv256",
        core: "RV32IMAC with vectors of 256 bits",
        cpu: Some("rv32,v=true,vlen=256,elen=32,vext_spec=v1.0"),
        is_another_core: true,
        ..RVV
    },
    Target {
        name: "rvv512",
        core: "RV32IMAC with vectors of 512 bits",
        cpu: Some("rv32,v=true,vlen=512,elen=32,vext_spec=v1.0"),
        is_another_core: true,
        ..RVV
    },
];
