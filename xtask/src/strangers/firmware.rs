//! A stranger's firmware: the README's static model, on a core without atomic instructions. It is linked, not run.

#![no_std]
#![no_main]

use core::panic::PanicInfo;
use static_cell::ConstStaticCell;
#[cfg(target_arch = "arm")]
use {cortex_m as _, cortex_m_rt::entry};
#[cfg(target_arch = "riscv32")]
use {riscv as _, riscv_rt::entry};

heedful::model!(pub Digits = "../digits_small.heed", classes = 10);
#[cfg(target_arch = "arm")]
heedful::require_backend!("thumb");
#[cfg(target_arch = "riscv32")]
heedful::require_backend!("rv32");

static DIGITS: ConstStaticCell<Digits> = ConstStaticCell::new(Digits::new());

/// Stand-ins for a microphone and a display.
const SAMPLE: *const i16 = 0x4000_0000 as *const i16;
const SHOWN: *mut u8 = 0x4000_0004 as *mut u8;

#[entry]
fn main() -> ! {
    let digits = DIGITS.take();
    loop {
        // SAFETY: nothing else uses these two.
        let sample = unsafe { SAMPLE.read_volatile() };
        if digits.push(sample) && digits.is_full() {
            let class = digits.infer().best().class as u8;
            // SAFETY: as above.
            unsafe { SHOWN.write_volatile(class) };
        }
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
