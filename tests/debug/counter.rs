//! For tests/debug. `counter.wasm` was made of it by rustc 1.95 and wasm-ld 19, without a standard
//! library: `rustc --target wasm32-wasip1 -g -C panic=abort -C overflow-checks=off --crate-type lib
//! --emit obj counter.rs`, `wasm-ld --no-entry --export=run counter.o -o counter.wasm`.
#![no_std]

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

struct Counter<'a> {
    n: u32,
    name: &'a str,
    history: [u8; 4],
}

impl Counter<'_> {
    #[inline(never)]
    fn bump(&mut self, by: Option<u32>) -> u32 {
        let old = self.n;
        if let Some(by) = by {
            if let Some(place) = self.history.first_mut() {
                *place = by as u8;
            }
            self.n += by;
        }
        self.n - old
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(argument: u32) -> u32 {
    let mut counter = Counter { n: 1, name: "hits", history: [0; 4] };
    let first = counter.bump(Some(argument));
    let second = counter.bump(None);
    first + second + counter.n + counter.name.len() as u32
}
