use std::{ops::Range, path::Path};

use anyhow::{Context, Result, bail, ensure};
use rand::{RngExt, rngs::StdRng};
use wfdb::Record;

use super::{Split, WINDOW, Window, annotations};

/// What `wfdb` makes of a sample that the recorder marked as invalid.
const INVALID: i32 = i32::MIN;

/// Samples of all leads that are read at once.
const FRAMES: usize = 65_536;

/// The least distance of a beat from either end of its window.
const MARGIN: usize = 8;

/// A lead of a WFDB record, with the beats that its annotations mark.
pub struct RecordWindows {
    /// The record and its lead.
    name: String,
    signal: Vec<f32>,
    beats: Vec<usize>,
    /// Indices into `beats`, by split.
    splits: [Vec<usize>; 3],
    /// Beats that no window holds alone, that lie too near a boundary or near invalid samples.
    left_out: usize,
}

impl RecordWindows {
    /// Opens `PATH.hea`, its signal file and `PATH.atr`.
    pub fn open(path: &Path, lead: usize) -> Result<Self> {
        let signal = read_lead(path, lead)?;
        let beats: Vec<usize> = annotations::read(&path.with_extension("atr"))?
            .iter()
            .filter(|annotation| annotation.is_beat())
            .map(|annotation| annotation.sample as usize)
            .collect();
        if let Some(beat) = beats.iter().find(|&&beat| beat >= signal.len()) {
            bail!(
                "{}: a beat is annotated at sample {beat}, past the end of the signal at {}",
                path.display(),
                signal.len()
            );
        }

        let mut record = Self {
            name: format!(
                "record {}, lead {lead}",
                path.file_name().unwrap_or_default().to_string_lossy()
            ),
            signal,
            beats,
            splits: Default::default(),
            left_out: 0,
        };
        for index in 0..record.beats.len() {
            match record.split_of(index) {
                Some(split) => record.splits[split as usize].push(index),
                None => record.left_out += 1,
            }
        }
        ensure!(
            record.left_out < record.beats.len(),
            "{}: no beat can be cut out alone",
            path.display()
        );
        Ok(record)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many beats there are, and what became of them.
    pub fn counts(&self) -> String {
        let [train, valid, test] = Split::ALL.map(|split| self.len(split));
        format!(
            "{} beats: {train} train, {valid} valid, {test} test, {} left out",
            self.beats.len(),
            self.left_out
        )
    }

    /// The variance of the lead.
    pub fn variance(&self) -> f64 {
        let valid = || {
            let finite = self.signal.iter().filter(|v| v.is_finite());
            finite.map(|&v| f64::from(v))
        };
        let n = valid().count() as f64;
        let mean = valid().sum::<f64>() / n;
        valid().map(|v| (v - mean).powi(2)).sum::<f64>() / n
    }

    pub fn len(&self, split: Split) -> usize {
        self.splits[split as usize].len()
    }

    /// A window that holds the beat alone, at a random offset.
    pub fn window(&self, split: Split, index: usize, rng: &mut StdRng) -> Window {
        let beat = self.splits[split as usize][index];
        let starts = self.starts(beat, split).expect("kept because it has one");
        let start = rng.random_range(starts);
        Window {
            trace: self.signal[start..start + WINDOW].to_vec(),
            peak: (self.beats[beat] - start) as f32,
            start,
        }
    }

    fn split_of(&self, beat: usize) -> Option<Split> {
        Split::ALL
            .into_iter()
            .find(|&split| self.starts(beat, split).is_some())
    }

    /// Where a window may start that holds this beat and no other, wholly within a split.
    fn starts(&self, beat: usize, split: Split) -> Option<Range<usize>> {
        let part = self.part(split);
        let position = self.beats[beat];
        if !part.contains(&position) {
            return None;
        }
        let after_previous = match beat.checked_sub(1) {
            Some(previous) => self.beats[previous] + 1,
            None => 0,
        };
        let before_next = match self.beats.get(beat + 1) {
            Some(&next) => next,
            None => self.signal.len(),
        };
        let first = (position + MARGIN + 1)
            .saturating_sub(WINDOW)
            .max(part.start)
            .max(after_previous);
        let last = position
            .saturating_sub(MARGIN)
            .min(part.end.checked_sub(WINDOW)?)
            .min(before_next.checked_sub(WINDOW)?);
        let usable = first <= last
            && self.signal[first..last + WINDOW]
                .iter()
                .all(|v| v.is_finite());
        usable.then_some(first..last + 1)
    }

    /// The first 70 % of the time trains, the next 10 % validates, the last 20 % tests.
    fn part(&self, split: Split) -> Range<usize> {
        let n = self.signal.len();
        match split {
            Split::Train => 0..n * 7 / 10,
            Split::Valid => n * 7 / 10..n * 8 / 10,
            Split::Test => n * 8 / 10..n,
        }
    }
}

fn read_lead(path: &Path, lead: usize) -> Result<Vec<f32>> {
    let header = path.with_extension("hea");
    let record = Record::open(path)
        .with_context(|| format!("cannot open the record {}", header.display()))?;
    ensure!(
        lead < record.signal_count(),
        "{}: there is no lead {lead}, it has {}",
        header.display(),
        record.signal_count()
    );
    let samples = record.metadata().num_samples().with_context(|| {
        format!(
            "{} does not say how many samples there are",
            header.display()
        )
    })?;
    let info = &record.signal_info().context("a record without signals")?[lead];
    let physical = |sample: i32| match sample {
        INVALID => f32::NAN,
        _ => ((f64::from(sample) - f64::from(info.baseline())) / info.adc_gain()) as f32,
    };
    // A part at a time: there may be less than the header says.
    let cannot = || format!("cannot read the signals of {}", header.display());
    let mut reader = record.multi_signal_reader().with_context(cannot)?;
    let mut signal = Vec::new();
    while signal.len() < samples as usize {
        let part = (samples as usize - signal.len()).min(FRAMES);
        let frames = reader.read_frames(part).with_context(cannot)?;
        ensure!(
            !frames.is_empty(),
            "the signal file of {} is truncated: {} samples of {samples}",
            header.display(),
            signal.len()
        );
        signal.extend(frames.iter().map(|frame| physical(frame[lead])));
    }
    Ok(signal)
}
