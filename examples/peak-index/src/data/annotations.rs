//! The MIT annotation format: pairs of bytes, the upper six bits of which are a code and the lower
//! ten the samples since the annotation before.

use std::path::Path;

use anyhow::{Context, Result, bail};

const SKIP: u8 = 59;
const NUM: u8 = 60;
const SUB: u8 = 61;
const CHN: u8 = 62;
const AUX: u8 = 63;

/// Codes 50 to 58 are not assigned.
const LAST_ASSIGNED: u8 = 49;

/// One annotation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotation {
    /// Samples since the start of the record.
    pub sample: u64,
    pub code: u8,
    pub subtype: i8,
    pub channel: u8,
    pub number: i8,
    pub auxiliary: Vec<u8>,
}

impl Annotation {
    /// Whether the code marks a heart beat, of whichever kind.
    pub fn is_beat(&self) -> bool {
        matches!(self.code, 1..=13 | 25 | 30 | 34 | 35 | 38 | 41)
    }
}

/// Reads an annotation file.
pub fn read(path: &Path) -> Result<Vec<Annotation>> {
    let bytes = std::fs::read(path)
        .with_context(|| format!("cannot read the annotations {}", path.display()))?;
    parse(&bytes).with_context(|| format!("{} is not an MIT annotation file", path.display()))
}

fn parse(bytes: &[u8]) -> Result<Vec<Annotation>> {
    let mut bytes = Bytes { bytes, position: 0 };
    let mut annotations: Vec<Annotation> = Vec::new();
    let mut sample: i64 = 0;
    // Channel and number hold until they are set again.
    let (mut channel, mut number) = (0, 0);

    loop {
        let [low, high] = bytes.take()?;
        let code = high >> 2;
        let value = u16::from(high & 3) << 8 | u16::from(low);
        match (code, value) {
            (0, 0) => return Ok(annotations),
            (SKIP, _) => sample += bytes.skip()?,
            (NUM, _) => {
                number = low as i8;
                last(&mut annotations)?.number = number;
            }
            (SUB, _) => last(&mut annotations)?.subtype = low as i8,
            (CHN, _) => {
                channel = low;
                last(&mut annotations)?.channel = channel;
            }
            (AUX, length) => {
                last(&mut annotations)?.auxiliary = bytes.text(usize::from(length))?;
            }
            (code, _) if code > LAST_ASSIGNED => bail!("unknown annotation code {code}"),
            (code, interval) => {
                sample += i64::from(interval);
                annotations.push(Annotation {
                    sample: u64::try_from(sample).context("an annotation before the start")?,
                    code,
                    channel,
                    number,
                    ..Annotation::default()
                });
            }
        }
    }
}

fn last(annotations: &mut [Annotation]) -> Result<&mut Annotation> {
    annotations
        .last_mut()
        .context("a field before the first annotation")
}

struct Bytes<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Bytes<'_> {
    fn take(&mut self) -> Result<[u8; 2]> {
        let pair = self
            .bytes
            .get(self.position..self.position + 2)
            .context("it ends before its end mark")?;
        self.position += 2;
        Ok([pair[0], pair[1]])
    }

    /// A 32-bit interval, its upper half first, each half with its low byte first.
    fn skip(&mut self) -> Result<i64> {
        let upper = u16::from_le_bytes(self.take()?);
        let lower = u16::from_le_bytes(self.take()?);
        Ok(i64::from(
            (u32::from(upper) << 16 | u32::from(lower)) as i32,
        ))
    }

    /// A text, padded to an even length.
    fn text(&mut self, length: usize) -> Result<Vec<u8>> {
        let text = self
            .bytes
            .get(self.position..self.position + length)
            .context("it ends within a text")?
            .to_vec();
        self.position += length + length % 2;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(code: u8, value: u16) -> [u8; 2] {
        (u16::from(code) << 10 | value).to_le_bytes()
    }

    #[test]
    fn every_code_is_read() {
        let mut bytes = Vec::new();
        bytes.extend(pair(28, 18)); // rhythm change, with a text of odd length
        bytes.extend(pair(AUX, 3));
        bytes.extend(b"(N\0\0");
        bytes.extend(pair(1, 59)); // normal beat at 77
        bytes.extend(pair(SUB, 0xff));
        bytes.extend(pair(CHN, 1));
        bytes.extend(pair(NUM, 2));
        bytes.extend(pair(SKIP, 0)); // 100,000 samples on
        bytes.extend([1, 0, 0xa0, 0x86]);
        bytes.extend(pair(5, 10)); // premature ventricular contraction
        bytes.extend(pair(0, 0));

        let annotations = parse(&bytes).unwrap();
        assert_eq!(annotations.len(), 3);
        assert_eq!(annotations[0].auxiliary, b"(N\0");
        assert!(!annotations[0].is_beat());
        assert_eq!(annotations[1].sample, 77);
        assert_eq!(annotations[1].subtype, -1);
        assert_eq!((annotations[1].channel, annotations[1].number), (1, 2));
        assert_eq!(annotations[2].sample, 77 + 100_000 + 10);
        assert_eq!((annotations[2].channel, annotations[2].number), (1, 2));
        assert_eq!(annotations[2].subtype, 0);
        assert!(annotations[1].is_beat() && annotations[2].is_beat());
    }

    #[test]
    fn a_broken_file_is_refused() {
        let message = |bytes: &[u8]| format!("{:#}", parse(bytes).unwrap_err());
        assert!(message(&pair(1, 9)).contains("ends before its end mark"));
        assert!(message(&pair(55, 1)).contains("unknown annotation code 55"));
        assert!(message(&pair(SUB, 1)).contains("before the first annotation"));
        let text: Vec<u8> = [pair(1, 1), pair(AUX, 40)].concat();
        assert!(message(&text).contains("within a text"));
    }
}
