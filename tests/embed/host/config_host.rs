//! A Rust program without `unsafe` that configures a library.
#![deny(unsafe_code, clippy::all)]

#[allow(unsafe_code)]
mod config;

// The library is called as the builder is, so that its type has another name.
use config::{Config, LibraryConfig};
use std::error::Error;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};

/// The strings that the module has put at 1024.
fn list(library: &LibraryConfig, count: i32) -> String {
    let texts = library.memory()[1024..].split(|&byte| byte == 0).take(usize::try_from(count).unwrap_or(0));
    texts.map(|text| format!("{},", String::from_utf8_lossy(text))).collect()
}

fn word(library: &LibraryConfig, place: usize) -> u32 {
    u32::from_le_bytes(*library.memory()[place..].first_chunk().expect("it lies in the memory"))
}

struct Failing;

impl io::Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("not today"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let output = seen.clone();
    let config = Config::new()
        .arg("program")
        .args(["one", "two"])
        .env("A", "b c")
        .dir_read_only("data", "/data")
        .stdin(io::Cursor::new("words"))
        .stdout(move |bytes| output.lock().expect("nobody panics").extend(bytes))
        .stderr_to(Failing)
        .max_memory(2 * 65536);
    let mut library = LibraryConfig::with_config(config).expect("nobody has it")?;
    let n_arguments = library.arguments()?;
    println!("arguments {n_arguments} {}", list(&library, n_arguments));
    let n_variables = library.variables()?;
    println!("variables {n_variables} {}", list(&library, n_variables));
    library.mut_memory()[1024] = b'f';
    println!("open {} {}", library.open(3, 1, 0, 2)?, library.open(3, 1, 1 | 4, 2)?);
    library.mut_memory()[1024..1035].copy_from_slice(b"to the host");
    library.put(1, 2, 9)?;
    println!("output `{}`", String::from_utf8_lossy(&seen.lock().expect("nobody panics")));
    library.reset()?;
    seen.lock().expect("nobody panics").clear();
    library.mut_memory()[1024..1035].copy_from_slice(b"to the host");
    library.put(1, 2, 9)?;
    println!("file `{}`", String::from_utf8_lossy(&seen.lock().expect("nobody panics")));
    library.get(0, 100, 0)?;
    println!("input {} `{}`", word(&library, 16), String::from_utf8_lossy(&library.memory()[1024..1029]));
    println!("error {}", library.put(2, 1, 1)?);
    println!("pages {:?} {:?}", library.memory_grow(1), library.memory_grow(1));
    drop(library);

    // A later owner begins at the start.
    let (mut reader, writer) = io::pipe()?;
    let config = Config::new().stream_to(1, writer).no_stream(0).no_dirs();
    let mut library = LibraryConfig::with_config(config).expect("nobody has it")?;
    println!("again {:?} {}", library.memory_grow(0), library.calls()?);
    library.mut_memory()[1024] = b'x';
    library.put(1, 1, 0)?;
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    assert_eq!((byte, library.directory(3)?), (*b"x", 8));
    drop(library);

    let wrong = LibraryConfig::with_config(Config::new().arg("a\0b")).expect("nobody has it");
    println!("zero: {}", wrong.err().expect("it is wrong").message());
    let wrong = LibraryConfig::with_config(Config::new().dir("missing", "x")).expect("nobody has it");
    println!("missing: {}", wrong.err().expect("it is wrong").message());
    let mut library = LibraryConfig::with_config(Config::new().args(["a", "b", "c"])).expect("nobody has it")?;
    println!("as before: arguments {}", library.arguments()?);
    println!("taken {}", LibraryConfig::with_config(Config::new()).is_none());
    drop(library);
    let mut library = LibraryConfig::with_config(Config::new()).expect("nobody has it")?;
    println!("none {} {}", library.arguments()?, library.variables()?);
    Ok(())
}
