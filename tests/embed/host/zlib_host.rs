//! Compresses its text by a zlib that was compiled to Wasm, on four threads that take turns, and
//! checks that it comes back.

mod zlib;

use std::sync::Mutex;
use zlib::*;

/// The library, which one thread at a time may use.
struct Zlib;

/// A piece of the library's memory.
struct Piece(i32, usize);

impl Zlib {
    fn piece(&self, length: usize) -> Piece {
        // SAFETY: whoever has the library is alone with it.
        let address = unsafe { zlib_malloc(length as i32) };
        assert!(address != 0, "there is room");
        Piece(address, length)
    }

    fn bytes(&mut self, piece: &Piece) -> &mut [u8] {
        // SAFETY: the memory never moves, and the library allocated that many bytes.
        unsafe { std::slice::from_raw_parts_mut(zlib_memory().add(piece.0 as u32 as usize), piece.1) }
    }

    fn free(&self, pieces: [Piece; 4]) {
        for Piece(address, _) in pieces {
            // SAFETY: as above; it came from `malloc`.
            unsafe { zlib_free(address) };
        }
    }

    fn compress_and_restore(&mut self, text: &[u8]) -> (Vec<u8>, u32) {
        // SAFETY: as above.
        let bound = unsafe { zlib_compressBound(text.len() as i32) } as usize;
        let pieces = [self.piece(text.len()), self.piece(bound), self.piece(4), self.piece(text.len())];
        let [plain, packed, size, back] = &pieces;
        self.bytes(plain).copy_from_slice(text);
        self.bytes(size).copy_from_slice(&(bound as u32).to_le_bytes());
        // SAFETY: as above.
        let status = unsafe { zlib_compress2(packed.0, size.0, plain.0, text.len() as i32, 9) };
        assert_eq!(status, 0);
        let length = u32::from_le_bytes(self.bytes(size).try_into().unwrap());
        self.bytes(size).copy_from_slice(&(text.len() as u32).to_le_bytes());
        // SAFETY: as above.
        let status = unsafe { zlib_uncompress(back.0, size.0, packed.0, length as i32) };
        assert!(status == 0 && self.bytes(back) == text, "it does not come back: {status}");
        // SAFETY: as above.
        let crc = unsafe { zlib_crc32(0, plain.0, text.len() as i32) };
        let result = (self.bytes(packed)[..length as usize].to_vec(), crc as u32);
        self.free(pieces);
        result
    }
}

fn main() {
    // SAFETY: no other thread calls it yet.
    assert_eq!(unsafe { zlib_init() }, 0);
    let zlib = Mutex::new(Zlib);
    let results: Vec<_> = std::thread::scope(|scope| {
        let work = |thread: usize| {
            // SAFETY: prepares the calling thread, one after the other.
            let status = zlib.lock().map(|_turn| unsafe { zlib_init() }).unwrap();
            assert_eq!(status, 0);
            let text: Vec<u8> = (0..50_000 + thread).flat_map(|n| (n % 977).to_string().into_bytes()).collect();
            let results: Vec<_> = (0..10).map(|_| zlib.lock().unwrap().compress_and_restore(&text)).collect();
            assert!(results.iter().all(|result| *result == results[0]), "thread {thread} disturbed others");
            (text.len(), results[0].clone())
        };
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (length, (packed, crc)) in results {
        println!("{length} {} {crc:08x}", packed.len());
    }
}
