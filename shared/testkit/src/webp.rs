//! Hand-built WebP files that no encoder writes.

/// Returns a WebP file with these chunks.
#[must_use]
pub fn riff(chunks: &[Chunk<'_>]) -> Vec<u8> {
    let body: Vec<u8> = chunks.iter().flat_map(|(name, content)| chunk(name, content)).collect();
    [b"RIFF", &(body.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &body].concat()
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let padding = vec![0; content.len() % 2];
    [&name[..], &(content.len() as u32).to_le_bytes(), content, &padding].concat()
}

/// Returns a file in the extended format (`VP8X`). The head holds the width and height in pixels and the
/// feature flags.
#[must_use]
pub fn with_head((width, height, flags): (u32, u32, u8), chunks: &[Chunk<'_>]) -> Vec<u8> {
    let head = [&[flags, 0, 0, 0], &three(width - 1)[..], &three(height - 1)].concat();
    riff(&[&[(b"VP8X", &head[..])][..], chunks].concat())
}

/// Returns an animation with one frame that consists of these chunks.
#[must_use]
pub fn animation((width, height): (u32, u32), frame: &[Chunk<'_>]) -> Vec<u8> {
    let head = [&[0; 6][..], &three(width - 1), &three(height - 1), &[0; 4]].concat();
    let chunks: Vec<u8> = frame.iter().flat_map(|(name, content)| chunk(name, content)).collect();
    with_head((width, height, 0b10), &[(b"ANIM", &[0; 6]), (b"ANMF", &[head, chunks].concat())])
}

fn three(number: u32) -> [u8; 3] {
    let [a, b, c, _] = number.to_le_bytes();
    [a, b, c]
}

/// A chunk's name and content.
pub type Chunk<'a> = (&'a [u8; 4], &'a [u8]);

/// Returns a lossy frame (`VP8 `) of one color. Its data is all zeros, which selects all defaults.
#[must_use]
pub fn lossy(width: u16, height: u16) -> Vec<u8> {
    let blocks = usize::from(width.div_ceil(16)) * usize::from(height.div_ceil(16));
    // The length field has 19 bits.
    let modes = (64 + blocks).min((1 << 19) - 1);
    let head = [
        &three(1 << 4 | (modes as u32) << 5)[..],
        b"\x9d\x01\x2a",
        &width.to_le_bytes(),
        &height.to_le_bytes(),
    ];
    [&head.concat()[..], &vec![0; modes + 64 + blocks * 16]].concat()
}

/// Returns a lossless alpha channel with a single value. It fits a frame of any size.
#[must_use]
pub fn alpha() -> Vec<u8> {
    let mut bits = Bits::default();
    // No transforms, no color cache, no meta prefix codes; then five prefix codes of one symbol each.
    bits.push(0, 3);
    [255, 255, 255, 255, 0].into_iter().for_each(|symbol| bits.one_symbol(symbol));
    [&[1][..], &bits.bytes()].concat()
}

/// Returns a lossless image in which each block of 4 by 4 pixels selects its group of prefix codes. The
/// file has 65,536 groups in all.
#[must_use]
pub fn bomb(width: u16, height: u16) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.push(0x2f, 8);
    bits.push(u64::from(width) - 1, 14);
    bits.push(u64::from(height) - 1, 14);
    // No alpha, version 0, no transforms, no color cache. Then meta prefix codes for blocks of the smallest
    // size; the red and green values of all blocks select the last group.
    bits.push(0, 4 + 1 + 1);
    bits.push(1, 1);
    bits.push(0, 3 + 1);
    [255, 255, 0, 255, 0].into_iter().for_each(|symbol| bits.one_symbol(symbol));
    let mut table = Bits::default();
    // A normal prefix code with the code lengths 1 to 10, which are themselves coded in three or four bits.
    table.push(0, 1);
    table.push(14 - 4, 4);
    for length in [0, 0, 0, 3, 3, 3, 3, 3, 0, 3, 4, 4, 4, 4] {
        table.push(length, 3);
    }
    // Eleven symbols follow, with codes of 1, 2 … 9, 10 and 10 bits.
    table.push(1 | 1 << 1 | (11 - 2) << 4, 8);
    for length in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10] {
        match length {
            1..=6 => table.code(length - 1, 3),
            _ => table.code(12 + length - 7, 4),
        }
    }
    (0..5 * 65_536).for_each(|_| bits.0.extend_from_slice(&table.0));
    riff(&[(b"VP8L", &bits.bytes())])
}

#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    /// Appends a number, least significant bit first.
    fn push(&mut self, number: u64, bits: u32) {
        self.0.extend((0..bits).map(|bit| number >> bit & 1 == 1));
    }

    /// Appends a prefix code, most significant bit first.
    fn code(&mut self, code: u64, bits: u32) {
        self.0.extend((0..bits).rev().map(|bit| code >> bit & 1 == 1));
    }

    /// Appends a prefix code that always decodes to the same symbol.
    fn one_symbol(&mut self, symbol: u64) {
        self.push(0b101, 3);
        self.push(symbol, 8);
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| bits.iter().enumerate().map(|(at, bit)| u8::from(*bit) << at).sum();
        self.0.chunks(8).map(byte).collect()
    }
}
