//! Finds U+0000, the end of a text, eight bytes at a time: every byte of a batch is looked at, and revisions are built
//! for size, which leaves the usual search going byte by byte.

const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;

/// The top bit of each byte that is 0. No sum carries into the next byte, so none is marked by mistake.
#[inline]
fn marks(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    !(((word & LOW) + LOW) | word | LOW)
}

/// Where the first 0 is.
#[inline]
pub(super) fn first(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks();
    for (place, word) in words.iter().enumerate() {
        let marks = marks(*word);
        if marks != 0 {
            return Some(8 * place + marks.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(|byte| *byte == 0).map(|place| 8 * words.len() + place)
}

/// How many there are.
pub(super) fn count(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks();
    let in_words: usize = words.iter().map(|word| marks(*word).count_ones() as usize).sum();
    in_words + rest.iter().filter(|byte| **byte == 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_found_wherever_they_are() {
        // Neighbours of 0 that a careless sum would take for it.
        for other in [1, 0x7f, 0x80, 0x81, 0xff] {
            for length in 0..20 {
                let bytes = vec![other; length];
                assert_eq!((first(&bytes), count(&bytes)), (None, 0));
                for one in 0..length {
                    for two in one..length {
                        let mut bytes = bytes.clone();
                        (bytes[one], bytes[two]) = (0, 0);
                        assert_eq!(
                            (first(&bytes), count(&bytes)),
                            (Some(one), 1 + usize::from(two > one)),
                            "{bytes:?}"
                        );
                    }
                }
            }
        }
    }
}
