//! A cursor over one cell's bytes. Every step is checked; what does not fit is an error, never a panic. It knows widths
//! and byte order, nothing of types.

use super::Error;

/// What is left of a cell.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// At the first byte.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Error::Malformed("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Error::Malformed("it ends too early"))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Error> {
        self.array().map(u8::from_be_bytes)
    }

    /// Two bytes, no sign.
    pub fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    /// Two bytes.
    pub fn i16(&mut self) -> Result<i16, Error> {
        self.array().map(i16::from_be_bytes)
    }

    /// Four bytes, no sign.
    pub fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    /// Four bytes.
    pub fn i32(&mut self) -> Result<i32, Error> {
        self.array().map(i32::from_be_bytes)
    }

    /// Eight bytes, no sign.
    pub fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    /// Eight bytes.
    pub fn i64(&mut self) -> Result<i64, Error> {
        self.array().map(i64::from_be_bytes)
    }

    /// Eight bytes of double precision.
    pub fn f64(&mut self) -> Result<f64, Error> {
        self.array().map(f64::from_be_bytes)
    }

    /// One byte, 0 or 1.
    pub fn boolean(&mut self) -> Result<bool, Error> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::Malformed("a boolean is neither 0 nor 1")),
        }
    }

    /// A count of things that take at least `width` bytes each: one that cannot be true is refused before anything is
    /// reserved for it.
    pub fn count(&mut self, width: usize) -> Result<usize, Error> {
        let count = usize::try_from(self.i32()?).map_err(|_| Error::Malformed("a count is negative"))?;
        match count.checked_mul(width) {
            Some(bytes) if bytes <= self.left() => Ok(count),
            Some(_) | None => Err(Error::Malformed("a count is larger than what follows")),
        }
    }

    /// Bytes with their length in front; none where the length is -1, which is NULL.
    pub fn sized(&mut self) -> Result<Option<&'a [u8]>, Error> {
        match self.i32()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| Error::Malformed("a length is negative"))?;
                self.take(length).map(Some)
            }
        }
    }

    /// Everything that is left, as text.
    pub fn text(self) -> Result<&'a str, Error> {
        if self.rest.contains(&0) {
            return Err(Error::Malformed("a text holds U+0000"));
        }
        std::str::from_utf8(self.rest).map_err(|_| Error::Malformed("a text is not UTF-8"))
    }

    /// Text up to the next zero byte, which is skipped.
    pub fn zero_ended(&mut self) -> Result<&'a str, Error> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or(Error::Malformed("a text has no end"))?;
        let text = Reader::new(self.take(end)?).text()?;
        self.take(1)?;
        Ok(text)
    }

    /// Nothing may be left.
    pub fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::Malformed("bytes are left over")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_counts_are_checked_against_what_is_there() {
        assert_eq!(Reader::new(&[255, 255, 255, 255]).sized(), Ok(None));
        assert_eq!(Reader::new(&[0, 0, 0, 1, 7]).sized(), Ok(Some(&[7_u8][..])));
        assert_eq!(Reader::new(&[255, 255, 255, 254]).sized(), Err(Error::Malformed("a length is negative")));
        assert_eq!(Reader::new(&[127, 255, 255, 255, 7]).sized(), Err(Error::Malformed("it ends too early")));
        let absurd = Err(Error::Malformed("a count is larger than what follows"));
        assert_eq!(Reader::new(&[127, 255, 255, 255, 7]).count(4), absurd);
        assert_eq!(Reader::new(&[0, 0, 0, 1, 7]).count(usize::MAX), absurd);
        assert_eq!(Reader::new(b"ab").zero_ended(), Err(Error::Malformed("a text has no end")));
    }
}
