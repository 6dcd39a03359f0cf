//! Limits the memory that a decoder takes.
//!
//! The size of an image limits the memory of its pixels, but not all memory that a decoder allocates: the
//! Huffman tables of a lossless WebP can take three hundred times their length in the file, and the decoder
//! has no limit for them. Therefore the resident memory of the process is checked while the bytes are read.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

/// How many bytes are read between two checks. A decoder can allocate some 20 MiB for so many.
const CHECK_INTERVAL_BYTES: u64 = 64 * 1024;

/// Reads the bytes of an image. Fails with `OutOfMemory` once the process has taken too much memory.
pub(crate) struct MemoryLimitedReader<'a> {
    bytes: Cursor<&'a [u8]>,
    /// Position up to which the bytes may be read without another check.
    checked_until: u64,
    /// Limit of the resident memory of the process, in bytes. None where the system does not report it.
    max_resident: Option<u64>,
}

impl<'a> MemoryLimitedReader<'a> {
    /// Reads `bytes` until the process takes `allowance` bytes of memory more than it takes now.
    pub(crate) fn new(bytes: &'a [u8], allowance: u64) -> Self {
        Self {
            bytes: Cursor::new(bytes),
            checked_until: 0,
            max_resident: resident().map(|now| now + allowance),
        }
    }

    fn check(&mut self) -> io::Result<()> {
        let at = self.bytes.position();
        if at >= self.checked_until || self.checked_until - at > CHECK_INTERVAL_BYTES {
            self.checked_until = at.saturating_add(CHECK_INTERVAL_BYTES);
            if let (Some(max), Some(now)) = (self.max_resident, resident())
                && now > max
            {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
        }
        Ok(())
    }
}

/// Returns the resident memory of this process, in bytes. Only Linux, on which the workers run, reports it.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let (_, kibibytes) = status.split_once("VmRSS:")?;
    Some(kibibytes.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

impl Read for MemoryLimitedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        // The cursor knows the number of remaining bytes, so that the buffer gets no spare capacity.
        self.bytes.read_to_end(buffer)
    }
}

impl BufRead for MemoryLimitedReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        let window = self.checked_until - self.bytes.position();
        let rest = self.bytes.fill_buf()?;
        Ok(&rest[..rest.len().min(window as usize)])
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.consume(amount);
    }
}

impl Seek for MemoryLimitedReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_returns_all_bytes_in_order_and_after_seeks() {
        let bytes: Vec<u8> = (0..300_000u32).map(|at| (at % 251) as u8).collect();
        let mut reader = MemoryLimitedReader::new(&bytes, u64::MAX / 2);
        let mut read = Vec::new();
        io::copy(&mut reader, &mut read).unwrap();
        assert_eq!(read, bytes);
        for at in [0, 299_999, 70_000, 65_535, 1] {
            reader.seek(SeekFrom::Start(at)).unwrap();
            let mut byte = [0];
            reader.read_exact(&mut byte).unwrap();
            assert_eq!(byte[0], bytes[at as usize]);
        }
        reader.seek(SeekFrom::Start(100)).unwrap();
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, bytes[100..]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn reader_fails_once_the_process_exceeds_the_limit() {
        let bytes = vec![0; 300_000];
        let mut reader = MemoryLimitedReader::new(&bytes, 32 * 1024 * 1024);
        let mut buffer = vec![0; 100_000];
        reader.read_exact(&mut buffer).unwrap();
        let taken = std::hint::black_box(vec![1u8; 128 * 1024 * 1024]);
        let error = reader.read_exact(&mut buffer).unwrap_err();
        assert_eq!((error.kind(), taken[5]), (io::ErrorKind::OutOfMemory, 1));
    }
}
