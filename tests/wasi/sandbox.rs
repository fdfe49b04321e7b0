//! A guest, and short names for what tests of files do with it.

use crate::driver::{FREE, Guest};
use crate::numbers::filetype;
use crate::numbers::oflags::CREATE;
use crate::numbers::rights::{READ, WRITE};

/// Places in the guest's memory: results, pieces, metadata, two paths, bytes.
pub const RESULT: u32 = FREE;
pub const PIECES: u32 = FREE + 16;
pub const STAT: u32 = FREE + 128;
pub const PATH: u32 = FREE + 256;
pub const PATH2: u32 = FREE + 1024;
pub const BUFFER: u32 = FREE + 4096;

/// A guest, and short names for what tests do with it.
pub struct Sandbox(pub Guest);

impl Sandbox {
    pub fn start(options: &str) -> Sandbox {
        Sandbox(Guest::start(options))
    }

    pub fn call(&mut self, name: &str, arguments: &[u64]) -> u32 {
        self.0.call(name, arguments).errno()
    }

    /// A function whose first arguments are a directory and a path.
    pub fn path(&mut self, name: &str, directory: u64, path: &str, more: &[u64]) -> u32 {
        self.0.load(PATH, path.as_bytes());
        let arguments = [&[directory, PATH.into(), path.len() as u64], more].concat();
        self.call(name, &arguments)
    }

    /// The error number, or the descriptor.
    pub fn open(&mut self, directory: u64, path: &str, oflags: u64, rights: u64, fdflags: u64) -> Result<u64, u32> {
        self.open_with(directory, path, 1, oflags, rights, fdflags)
    }

    pub fn open_with(
        &mut self,
        directory: u64,
        path: &str,
        lookup: u64,
        oflags: u64,
        rights: u64,
        fdflags: u64,
    ) -> Result<u64, u32> {
        self.0.load(PATH, path.as_bytes());
        let arguments =
            [directory, lookup, PATH.into(), path.len() as u64, oflags, rights, rights, fdflags, RESULT.into()];
        match self.call("path_open", &arguments) {
            0 => Ok(self.0.dump_u32(RESULT).into()),
            errno => Err(errno),
        }
    }

    pub fn create(&mut self, path: &str) -> u64 {
        self.open(3, path, CREATE, READ | WRITE, 0).expect("it can be made")
    }

    pub fn close(&mut self, file: u64) {
        assert_eq!(self.call("fd_close", &[file]), 0);
    }

    /// The error number, and how many bytes were written.
    pub fn write(&mut self, file: u64, bytes: &[u8]) -> (u32, u32) {
        self.0.load(BUFFER, bytes);
        self.transfer("fd_write", file, bytes.len() as u32)
    }

    pub fn transfer(&mut self, name: &str, file: u64, length: u32) -> (u32, u32) {
        self.0.load(PIECES, &[BUFFER, length].map(u32::to_le_bytes).concat());
        match self.call(name, &[file, PIECES.into(), 1, RESULT.into()]) {
            0 => (0, self.0.dump_u32(RESULT)),
            errno => (errno, 0),
        }
    }

    pub fn read(&mut self, file: u64, length: u32) -> Result<Vec<u8>, u32> {
        match self.transfer("fd_read", file, length) {
            (0, length) => Ok(self.0.dump(BUFFER, length)),
            (errno, _) => Err(errno),
        }
    }

    pub fn seek(&mut self, file: u64, offset: u64) {
        assert_eq!(self.call("fd_seek", &[file, offset, 0, RESULT.into()]), 0);
    }

    pub fn size(&mut self, file: u64) -> u64 {
        assert_eq!(self.call("fd_filestat_get", &[file, STAT.into()]), 0);
        self.word(STAT + 32)
    }

    pub fn word(&mut self, address: u32) -> u64 {
        u64::from_le_bytes(self.0.dump(address, 8).try_into().expect("eight bytes"))
    }

    /// Type, links and size of what a path names; sizes and links of directories are the file
    /// system's.
    pub fn stat(&mut self, directory: u64, path: &str, follow: u64) -> Result<(u8, u64, u64), u32> {
        self.0.load(PATH, path.as_bytes());
        let arguments = [directory, follow, PATH.into(), path.len() as u64, STAT.into()];
        match self.call("path_filestat_get", &arguments) {
            0 => {
                let kind = self.0.dump(STAT + 16, 1)[0];
                let is_directory = kind == filetype::DIRECTORY;
                let [links, size] = [STAT + 24, STAT + 32].map(|at| if is_directory { 0 } else { self.word(at) });
                Ok((kind, links, size))
            }
            errno => Err(errno),
        }
    }

    /// Names and types, by lists of so many bytes.
    pub fn list(&mut self, directory: u64, size: u32) -> Vec<(String, u8)> {
        let mut entries = Vec::new();
        let mut cookie = 0;
        loop {
            let arguments = [directory, BUFFER.into(), size.into(), cookie, RESULT.into()];
            assert_eq!(self.call("fd_readdir", &arguments), 0);
            let used = self.0.dump_u32(RESULT);
            let bytes = self.0.dump(BUFFER, used);
            let mut rest = &bytes[..];
            while let Some((head, tail)) = rest.split_at_checked(24) {
                let length = u32::from_le_bytes(head[16..20].try_into().expect("four bytes")) as usize;
                let Some((name, tail)) = tail.split_at_checked(length) else { break };
                cookie = u64::from_le_bytes(head[..8].try_into().expect("eight bytes"));
                entries.push((String::from_utf8(name.to_vec()).expect("names of ours"), head[20]));
                rest = tail;
            }
            if used < size {
                return entries;
            }
        }
    }
}
