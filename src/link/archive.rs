//! Objects → an archive that any linker reads.

use anyhow::{Context, Result};
use object::{Object, ObjectSymbol};

/// A Unix archive with a symbol index, in GNU's format (`ar.h`; the index is a first member named
/// `/`). Times, owners and modes are the same for all, so that the bytes depend on the members
/// alone.
///
/// # Errors
/// A member is not an object; the archive would be too large.
pub fn write_archive(members: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    const MAGIC: &[u8] = b"!<arch>\n";
    const HEADER: usize = 60;
    const TOO_LARGE: &str = "an archive has at most 4 GiB";
    let mut names = Vec::new();
    let mut owners = Vec::new();
    for (number, (_, data)) in members.iter().enumerate() {
        let file = object::File::parse(*data).context("can't read an object that belongs into the archive")?;
        for symbol in file.symbols().filter(|symbol| symbol.is_global() && !symbol.is_undefined()) {
            names.extend(symbol.name_bytes()?);
            names.push(0);
            owners.push(number);
        }
    }
    let padded = |length: usize| length.next_multiple_of(2);
    let n_symbols = u32::try_from(owners.len()).context(TOO_LARGE)?;
    let words = owners.len().checked_add(1).and_then(|n_words| n_words.checked_mul(4)).context(TOO_LARGE)?;
    let index_length = padded(words.saturating_add(names.len()));
    let mut place = MAGIC.len().saturating_add(HEADER).saturating_add(index_length);
    let mut places = Vec::new();
    for (_, data) in members {
        places.push(u32::try_from(place).context(TOO_LARGE)?);
        place = place.saturating_add(HEADER).saturating_add(padded(data.len()));
    }
    let mut index = n_symbols.to_be_bytes().to_vec();
    owners.iter().for_each(|&owner| index.extend(places[owner].to_be_bytes()));
    index.extend(names);
    index.resize(index_length, 0);

    let mut archive = MAGIC.to_vec();
    let all = [("", &index[..])].into_iter().chain(members.iter().copied());
    for (name, data) in all {
        let header = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", format!("{name}/"), 0, 0, 0, 644, data.len());
        archive.extend(header.as_bytes());
        archive.extend(data);
        archive.resize(padded(archive.len()), b'\n');
    }
    Ok(archive)
}
