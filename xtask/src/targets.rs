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
    /// Whether the random cases of the kernels run, which need 45 KB of RAM: on a larger board where this one has less.
    pub kernels: bool,
    /// Whether all clips must be there, not just those that fit.
    pub all_clips: bool,
}

impl Target {
    /// The same instruction set on a board with more memory, where this one has little.
    pub fn with_more_memory(&self) -> Self {
        match self.name {
            "cortex-m0" => Self {
                env: &[("MACHINE", "mps2-an385")],
                machine: &["-M", "mps2-an385", "-icount", "shift=6"],
                ..*self
            },
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
    env: &[],
    qemu: "qemu-system-arm",
    machine: &[],
    package: "qemu-system-arm",
    models: &["digits", "digits_small"],
    kernels: true,
    all_clips: true,
};

/// What the RISC-V targets share.
const RISCV: Target =
    Target { board: "qemu-riscv", qemu: "qemu-system-riscv32", package: "qemu-system-misc", ..CORTEX_M };

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "cortex-m4",
        core: "Cortex-M4 with FPU",
        triple: "thumbv7em-none-eabihf",
        env: &[("MACHINE", "mps2-an386")],
        machine: &["-M", "mps2-an386", "-icount", "shift=6"],
        ..CORTEX_M
    },
    Target {
        name: "cortex-m3",
        core: "Cortex-M3",
        triple: "thumbv7m-none-eabi",
        env: &[("MACHINE", "mps2-an385")],
        machine: &["-M", "mps2-an385", "-icount", "shift=6"],
        ..CORTEX_M
    },
    Target {
        name: "cortex-m7",
        core: "Cortex-M7 with FPU",
        triple: "thumbv7em-none-eabihf",
        env: &[("MACHINE", "mps2-an500")],
        machine: &["-M", "mps2-an500", "-icount", "shift=6"],
        ..CORTEX_M
    },
    Target {
        name: "cortex-m33",
        core: "Cortex-M33 with DSP and FPU",
        triple: "thumbv8m.main-none-eabihf",
        rustflags: &["-Ctarget-cpu=cortex-m33"],
        env: &[("MACHINE", "mps2-an505")],
        machine: &["-M", "mps2-an505", "-icount", "shift=6"],
        ..CORTEX_M
    },
    Target {
        name: "cortex-m55",
        core: "Cortex-M55 with Helium",
        triple: "thumbv8m.main-none-eabihf",
        rustflags: &["-Ctarget-cpu=cortex-m55"],
        env: &[("MACHINE", "mps3-an547")],
        machine: &["-M", "mps3-an547", "-icount", "shift=6"],
        ..CORTEX_M
    },
    Target {
        name: "cortex-m55-generic",
        core: "Cortex-M55, compiled for no core in particular",
        triple: "thumbv8m.main-none-eabihf",
        rustflags: &["--cfg", "heedful_backend=\"helium\""],
        env: &[("MACHINE", "mps3-an547")],
        machine: &["-M", "mps3-an547", "-icount", "shift=6"],
        ..CORTEX_M
    },
    Target {
        name: "cortex-m0",
        core: "Cortex-M0, 256 KB flash, 16 KB RAM",
        triple: "thumbv6m-none-eabi",
        env: &[("MACHINE", "microbit"), ("CLIP_BYTES", "180000")],
        machine: &["-M", "microbit", "-icount", "shift=6"],
        models: &["digits_small"],
        all_clips: false,
        ..CORTEX_M
    },
    Target {
        name: "rv32imac",
        core: "RV32IMAC",
        triple: "riscv32imac-unknown-none-elf",
        machine: &["-M", "virt", "-bios", "none", "-icount", "shift=0"],
        ..RISCV
    },
    Target {
        name: "rv32imc",
        core: "RV32IMC",
        triple: "riscv32imc-unknown-none-elf",
        machine: &["-M", "virt", "-bios", "none", "-icount", "shift=0"],
        ..RISCV
    },
    Target {
        name: "rvv128",
        core: "RV32IMAC with vectors of 128 bits",
        triple: "riscv32imac-unknown-none-elf",
        rustflags: &["--cfg=heedful_backend=\"rvv\""],
        machine: &[
            "-M",
            "virt",
            "-bios",
            "none",
            "-icount",
            "shift=0",
            "-cpu",
            "rv32,v=true,vlen=128,elen=32,vext_spec=v1.0",
        ],
        ..RISCV
    },
    Target {
        name: "rvv256",
        core: "RV32IMAC with vectors of 256 bits",
        triple: "riscv32imac-unknown-none-elf",
        rustflags: &["--cfg=heedful_backend=\"rvv\""],
        machine: &[
            "-M",
            "virt",
            "-bios",
            "none",
            "-icount",
            "shift=0",
            "-cpu",
            "rv32,v=true,vlen=256,elen=32,vext_spec=v1.0",
        ],
        ..RISCV
    },
    Target {
        name: "rvv512",
        core: "RV32IMAC with vectors of 512 bits",
        triple: "riscv32imac-unknown-none-elf",
        rustflags: &["--cfg=heedful_backend=\"rvv\""],
        machine: &[
            "-M",
            "virt",
            "-bios",
            "none",
            "-icount",
            "shift=0",
            "-cpu",
            "rv32,v=true,vlen=512,elen=32,vext_spec=v1.0",
        ],
        ..RISCV
    },
];
