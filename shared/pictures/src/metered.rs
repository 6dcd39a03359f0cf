//! Gives a decoder a picture's bytes, as long as it stays within a bound of memory.
//!
//! A picture's size bounds what its pixels take, but not all that its bytes can make a decoder build: the
//! tables of a WebP without loss may take three hundred times their room in the file, and its decoder
//! has no limit for them. So the process's memory is looked at as the bytes are read.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

/// After how many bytes to look again: they can ask for some 20 MiB.
const STEP: u64 = 64 * 1024;

/// The bytes of a picture, until its decoder has taken too much memory.
pub(crate) struct Metered<'a> {
    bytes: Cursor<&'a [u8]>,
    /// Up to where they are given away without another look.
    looked: u64,
    /// What the process may take. Nothing, where the system does not tell what it takes.
    most: Option<u64>,
}

impl<'a> Metered<'a> {
    /// These bytes, until the process has taken as much memory more than it does now.
    pub(crate) fn new(bytes: &'a [u8], more: u64) -> Self {
        Self { bytes: Cursor::new(bytes), looked: 0, most: resident().map(|now| now + more) }
    }

    fn look(&mut self) -> io::Result<()> {
        let at = self.bytes.position();
        if at >= self.looked || self.looked - at > STEP {
            self.looked = at.saturating_add(STEP);
            if let (Some(most), Some(now)) = (self.most, resident())
                && now > most
            {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
        }
        Ok(())
    }
}

/// The memory that this process takes, in bytes. Only Linux tells, which is what workers run on.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let (_, kibibytes) = status.split_once("VmRSS:")?;
    Some(kibibytes.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        // The cursor knows how much that is, and needs no room to spare.
        self.bytes.read_to_end(buffer)
    }
}

impl BufRead for Metered<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.look()?;
        let window = self.looked - self.bytes.position();
        let rest = self.bytes.fill_buf()?;
        Ok(&rest[..rest.len().min(window as usize)])
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.consume(amount);
    }
}

impl Seek for Metered<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_come_in_order_and_from_anywhere() {
        let bytes: Vec<u8> = (0..300_000u32).map(|at| (at % 251) as u8).collect();
        let mut metered = Metered::new(&bytes, u64::MAX / 2);
        let mut read = Vec::new();
        io::copy(&mut metered, &mut read).unwrap();
        assert_eq!(read, bytes);
        for at in [0, 299_999, 70_000, 65_535, 1] {
            metered.seek(SeekFrom::Start(at)).unwrap();
            let mut byte = [0];
            metered.read_exact(&mut byte).unwrap();
            assert_eq!(byte[0], bytes[at as usize]);
        }
        metered.seek(SeekFrom::Start(100)).unwrap();
        let mut rest = Vec::new();
        metered.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, bytes[100..]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn no_more_bytes_come_once_too_much_memory_is_taken() {
        let bytes = vec![0; 300_000];
        let mut metered = Metered::new(&bytes, 32 * 1024 * 1024);
        let mut buffer = vec![0; 100_000];
        metered.read_exact(&mut buffer).unwrap();
        let taken = std::hint::black_box(vec![1u8; 128 * 1024 * 1024]);
        let error = metered.read_exact(&mut buffer).unwrap_err();
        assert_eq!((error.kind(), taken[5]), (io::ErrorKind::OutOfMemory, 1));
    }
}
