//! How host and child talk: parts with a tag and a length, over the child's standard input and output.

use std::io::{Error, ErrorKind, Read, Result, Write};

/// Bytes of a part's header: the tag, then the length, little endian.
pub(super) const HEADER_BYTES: usize = 9;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// To the child, JSON: the work.
    Job,
    /// To the child, the upload; from the child, the component if that is another.
    Artifact,
    /// From the child, JSON: where it is.
    Stage,
    /// From the child: compiled code.
    Code,
    /// From the child, JSON: how it ended. The last part.
    Outcome,
}

impl Tag {
    const fn byte(self) -> u8 {
        match self {
            Self::Job => b'j',
            Self::Artifact => b'a',
            Self::Stage => b's',
            Self::Code => b'c',
            Self::Outcome => b'o',
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'j' => Some(Self::Job),
            b'a' => Some(Self::Artifact),
            b's' => Some(Self::Stage),
            b'c' => Some(Self::Code),
            b'o' => Some(Self::Outcome),
            _ => None,
        }
    }
}

/// The header of a part.
pub(super) fn header(tag: Tag, bytes: &[u8]) -> [u8; HEADER_BYTES] {
    let [a, b, c, d, e, f, g, h] = (bytes.len() as u64).to_le_bytes();
    [tag.byte(), a, b, c, d, e, f, g, h]
}

/// What a header says.
///
/// # Errors
/// When it is none, or claims more than `limit` bytes.
pub(super) fn parse(header: [u8; HEADER_BYTES], limit: u64) -> Result<(Tag, u64)> {
    let [tag, length @ ..] = header;
    let length = u64::from_le_bytes(length);
    match Tag::from_byte(tag) {
        Some(tag) if length <= limit => Ok((tag, length)),
        _ => Err(Error::new(ErrorKind::InvalidData, "the other side does not speak this protocol")),
    }
}

/// Reads one part.
///
/// # Errors
/// When the pipe ends or something else is read.
pub(super) fn read(from: &mut impl Read, expected: Tag, limit: u64) -> Result<Vec<u8>> {
    let mut header = [0; HEADER_BYTES];
    from.read_exact(&mut header)?;
    let (tag, length) = parse(header, limit)?;
    if tag != expected {
        return Err(Error::new(ErrorKind::InvalidData, "parts come in another order"));
    }
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// Writes one part.
///
/// # Errors
/// When nobody reads.
pub(super) fn write(to: &mut impl Write, tag: Tag, bytes: &[u8]) -> Result<()> {
    to.write_all(&header(tag, bytes))?;
    to.write_all(bytes)?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_arrives_as_it_was_sent() {
        let mut pipe = Vec::new();
        write(&mut pipe, Tag::Code, b"abc").unwrap();
        assert_eq!(read(&mut pipe.as_slice(), Tag::Code, 3).unwrap(), b"abc");
        assert!(read(&mut pipe.as_slice(), Tag::Code, 2).is_err(), "longer than the limit");
        assert!(read(&mut pipe.as_slice(), Tag::Stage, 3).is_err(), "another part");
        assert!(read(&mut pipe.get(..11).unwrap(), Tag::Code, 3).is_err(), "cut off");
    }
}
