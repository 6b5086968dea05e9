//! The table of targets. A new one is a new row, and where needed a board in `boards`.

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
    /// Environment of the board's build scripts.
    pub env: &'static [(&'static str, &'static str)],
    /// The emulator.
    pub qemu: &'static str,
    /// Its machine and clock; the rest is the same for all.
    pub machine: &'static [&'static str],
    /// Debian's package with the emulator.
    pub package: &'static str,
    /// Models in the firmware, by file name under `models`.
    pub models: &'static [&'static str],
    /// Whether the random cases of the kernels run, which need 45 KB of RAM.
    pub kernels: bool,
    /// Whether all clips must be there, not just those that fit.
    pub all_clips: bool,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "cortex-m4",
        core: "Cortex-M4 with FPU",
        triple: "thumbv7em-none-eabihf",
        rustflags: &[],
        board: "qemu-cortex-m",
        env: &[("MACHINE", "mps2-an386")],
        qemu: "qemu-system-arm",
        machine: &["-M", "mps2-an386", "-icount", "shift=6"],
        package: "qemu-system-arm",
        models: &["digits", "digits_small"],
        kernels: true,
        all_clips: true,
    },
    Target {
        name: "cortex-m3",
        core: "Cortex-M3",
        triple: "thumbv7m-none-eabi",
        rustflags: &[],
        board: "qemu-cortex-m",
        env: &[("MACHINE", "mps2-an385")],
        qemu: "qemu-system-arm",
        machine: &["-M", "mps2-an385", "-icount", "shift=6"],
        package: "qemu-system-arm",
        models: &["digits", "digits_small"],
        kernels: true,
        all_clips: true,
    },
    Target {
        name: "cortex-m7",
        core: "Cortex-M7 with FPU",
        triple: "thumbv7em-none-eabihf",
        rustflags: &[],
        board: "qemu-cortex-m",
        env: &[("MACHINE", "mps2-an500")],
        qemu: "qemu-system-arm",
        machine: &["-M", "mps2-an500", "-icount", "shift=6"],
        package: "qemu-system-arm",
        models: &["digits", "digits_small"],
        kernels: true,
        all_clips: true,
    },
    Target {
        name: "cortex-m33",
        core: "Cortex-M33 with DSP and FPU",
        triple: "thumbv8m.main-none-eabihf",
        rustflags: &["-Ctarget-cpu=cortex-m33"],
        board: "qemu-cortex-m",
        env: &[("MACHINE", "mps2-an505")],
        qemu: "qemu-system-arm",
        machine: &["-M", "mps2-an505", "-icount", "shift=6"],
        package: "qemu-system-arm",
        models: &["digits", "digits_small"],
        kernels: true,
        all_clips: true,
    },
    Target {
        name: "cortex-m0",
        core: "Cortex-M0, 256 KB flash, 16 KB RAM",
        triple: "thumbv6m-none-eabi",
        rustflags: &[],
        board: "qemu-cortex-m",
        env: &[("MACHINE", "microbit"), ("CLIP_BYTES", "180000")],
        qemu: "qemu-system-arm",
        machine: &["-M", "microbit", "-icount", "shift=6"],
        package: "qemu-system-arm",
        models: &["digits_small"],
        kernels: false,
        all_clips: false,
    },
    Target {
        name: "rv32imac",
        core: "RV32IMAC",
        triple: "riscv32imac-unknown-none-elf",
        rustflags: &[],
        board: "qemu-riscv",
        env: &[],
        qemu: "qemu-system-riscv32",
        machine: &["-M", "virt", "-bios", "none", "-icount", "shift=0"],
        package: "qemu-system-misc",
        models: &["digits", "digits_small"],
        kernels: true,
        all_clips: true,
    },
];
