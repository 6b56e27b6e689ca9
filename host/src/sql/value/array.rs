//! The binary form of arrays: the header, checked, and an iterator over the elements. What an element is, the header
//! says by oid; only the two arrays that are values of their own are decoded here.

use super::Error;
use super::reader::Reader;

/// The server's own bound (`MAXDIM`).
const MAX_DIMENSIONS: usize = 6;

/// An array whose header has been read and found possible.
#[derive(Debug)]
pub struct Array<'a> {
    /// Type of the elements.
    pub element: u32,
    /// One a dimension, none for the empty array.
    pub dimensions: Vec<Dimension>,
    length: usize,
    elements: Reader<'a>,
}

/// Extent of an array in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimension {
    /// 0 only in an empty int2vector or oidvector.
    pub length: usize,
    /// Index of the first element, usually 1.
    pub lower: i32,
}

impl<'a> Array<'a> {
    /// Reads the header.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut wire = Reader::new(bytes);
        let dimension_count = wire.u32()?;
        let _has_nulls = wire.i32()?;
        let element = wire.u32()?;
        if usize::try_from(dimension_count).is_ok_and(|count| count > MAX_DIMENSIONS) {
            return Err(Error::Malformed("an array has more than 6 dimensions"));
        }
        let mut dimensions = Vec::new();
        let mut elements = 1_usize;
        for _ in 0..dimension_count {
            let length = usize::try_from(wire.i32()?).map_err(|_| Error::Malformed("an array's length is negative"))?;
            let lower = wire.i32()?;
            elements = elements.checked_mul(length).ok_or(Error::Malformed("an array is too large"))?;
            dimensions.push(Dimension { length, lower });
        }
        let length = if dimensions.is_empty() { 0 } else { elements };
        if length.checked_mul(4).is_none_or(|least| least > wire.left()) {
            return Err(Error::Malformed("an array has fewer elements than it says"));
        }
        if length == 0 {
            wire.finish()?;
        }
        Ok(Self { element, dimensions, length, elements: wire })
    }

    /// Whether it is a plain list: one dimension counted from 1, or empty.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.is_empty() || matches!(self.dimensions.as_slice(), [Dimension { lower: 1, .. }])
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The next element, none where it is NULL.
    pub fn next_element(&mut self) -> Result<Option<&'a [u8]>, Error> {
        self.elements.sized()
    }

    /// No bytes may follow the last element.
    pub fn finish(self) -> Result<(), Error> {
        self.elements.finish()
    }
}

/// The elements of an array of text; none where it has several dimensions or another lower bound than 1.
pub fn texts(bytes: &[u8]) -> Result<Option<Vec<Option<String>>>, Error> {
    list(bytes, |element| Ok(Reader::new(element).text()?.to_owned()))
}

/// The elements of an array of int8; none where it has several dimensions or another lower bound than 1.
pub fn integers(bytes: &[u8]) -> Result<Option<Vec<Option<i64>>>, Error> {
    list(bytes, |element| {
        let mut wire = Reader::new(element);
        let value = wire.i64()?;
        wire.finish()?;
        Ok(value)
    })
}

fn list<T>(bytes: &[u8], decode: impl Fn(&[u8]) -> Result<T, Error>) -> Result<Option<Vec<Option<T>>>, Error> {
    let mut array = Array::new(bytes)?;
    if !array.is_list() {
        return Ok(None);
    }
    let mut elements = Vec::with_capacity(array.len());
    for _ in 0..array.len() {
        elements.push(array.next_element()?.map(&decode).transpose()?);
    }
    array.finish()?;
    Ok(Some(elements))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds the binary form: pairs of length and lower bound, then elements.
    fn wire(element: i32, dimensions: &[(i32, i32)], elements: &[Option<&[u8]>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let count = i32::try_from(dimensions.len()).unwrap();
        bytes.extend([count, 0, element].map(i32::to_be_bytes).concat());
        for (length, lower) in dimensions {
            bytes.extend([length.to_be_bytes(), lower.to_be_bytes()].concat());
        }
        for element in elements {
            match element {
                None => bytes.extend((-1_i32).to_be_bytes()),
                Some(element) => {
                    bytes.extend(i32::try_from(element.len()).unwrap().to_be_bytes());
                    bytes.extend_from_slice(element);
                }
            }
        }
        bytes
    }

    #[test]
    fn lists() {
        let text = |item: &str| Some(item.to_owned());
        let both = wire(25, &[(3, 1)], &[Some(b"a"), None, Some(b"")]);
        assert_eq!(texts(&both), Ok(Some(vec![text("a"), None, text("")])));
        assert_eq!(texts(&wire(25, &[], &[])), Ok(Some(vec![])));
        assert_eq!(texts(&wire(25, &[(0, 0)], &[])), Ok(Some(vec![])));
        let minus_one = (-1_i64).to_be_bytes();
        assert_eq!(integers(&wire(20, &[(2, 1)], &[Some(&minus_one), None])), Ok(Some(vec![Some(-1), None])));
    }

    #[test]
    fn other_shapes_are_no_lists() {
        assert_eq!(texts(&wire(25, &[(1, 0)], &[None])), Ok(None));
        assert_eq!(texts(&wire(25, &[(1, 1), (1, 1)], &[None])), Ok(None));
    }

    #[test]
    fn malformed_arrays_are_errors() {
        let refused = |bytes: &[u8]| texts(bytes).unwrap_err().to_string().split_off(45);
        assert_eq!(refused(&[0, 0]), "it ends too early");
        assert_eq!(refused(&wire(25, &[(i32::MAX, 1)], &[])), "an array has fewer elements than it says");
        assert_eq!(refused(&wire(25, &[(i32::MAX, 1); 6], &[])), "an array is too large");
        assert_eq!(refused(&wire(25, &[(1, 1); 7], &[None])), "an array has more than 6 dimensions");
        assert_eq!(refused(&wire(25, &[(-1, 1)], &[])), "an array's length is negative");
        assert_eq!(refused(&wire(25, &[(1, 1)], &[None, None])), "bytes are left over");
        assert_eq!(refused(&wire(25, &[(2, 1)], &[Some(b"\xff"), None])), "a text is not UTF-8");
    }
}
