//! Consecutive zstd frames, each of which must decode to the size it declares.

use std::io::{self, Read};

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

/// Bytes copied at a time: few enough to stay in the processor's cache.
pub(super) const CHUNK: usize = 256 << 10;

/// The decoded size that the header of a frame declares, in bytes.
pub(super) fn declared_size(frame: &[u8]) -> Option<u64> {
    zstd::zstd_safe::get_frame_content_size(frame)
        .ok()
        .flatten()
}

/// Longest header of a zstd frame, in bytes.
const MAX_HEAD: usize = 18;

/// Decodes consecutive zstd frames. Each must decode to the size that its header declares; libzstd checks that only for
/// frames that it decodes in one call.
pub(super) struct Frames<R> {
    input: R,
    decoder: Decoder<'static>,
    buffer: Vec<u8>,
    /// `buffer[start..end]` has been read but not decoded.
    start: usize,
    end: usize,
    /// Inside a frame: its declared size, and the number of bytes decoded so far.
    frame: Option<(Option<u64>, u64)>,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(input: R, window_log: u32) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(window_log))?;
        Ok(Self {
            input,
            decoder,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            frame: None,
        })
    }

    /// The next bytes, enough for the header of a frame except at the end of the input.
    pub(super) fn head(&mut self) -> io::Result<&[u8]> {
        while self.end - self.start < MAX_HEAD {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(length) => self.end += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let head = self.head()?;
            let (is_end, declared) = (head.is_empty(), declared_size(head));
            let (declared, before) = match self.frame {
                Some(frame) => frame,
                None if is_end => return Ok(0),
                None => (declared, 0),
            };
            let mut input = InBuffer::around(&self.buffer[self.start..self.end]);
            let mut output = OutBuffer::around(&mut *out);
            let to_come = self.decoder.run(&mut input, &mut output)?;
            self.start += input.pos();
            let length = output.pos();
            let decoded = before + length as u64;
            self.frame = match to_come {
                0 => None,
                _ => Some((declared, decoded)),
            };
            if let (None, Some(declared)) = (self.frame, declared)
                && declared != decoded
            {
                let problem = format!("a frame declares {declared} bytes but decodes to {decoded}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
            if length > 0 {
                return Ok(length);
            }
            if is_end && self.frame.is_some() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
