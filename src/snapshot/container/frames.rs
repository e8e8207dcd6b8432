//! Zstd frames, one after the other, each of which must decode to the size it declares.

use std::io::{self, Read};

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

/// Bytes moved at a time: few enough that they are still near the processor when they are moved on.
pub(super) const CHUNK: usize = 256 << 10;

/// What the head of a frame says that it decodes to, in bytes.
pub(super) fn declared_size(frame: &[u8]) -> Option<u64> {
    zstd::zstd_safe::get_frame_content_size(frame)
        .ok()
        .flatten()
}

/// Longest head of a zstd frame, in bytes.
const MAX_HEAD: usize = 18;

/// What consecutive zstd frames decode to. Each must decode to the size that its head declares; libzstd checks that only
/// for what it decodes in one piece.
pub(super) struct Frames<R> {
    input: R,
    decoder: Decoder<'static>,
    buffer: Vec<u8>,
    /// What is read and not decoded yet is in `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Within a frame: what it declares, and how much came of it so far.
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

    /// What comes next, at least as much as the head of a frame may take; less only at the end.
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
                let problem =
                    format!("a frame of {decoded} bytes is declared as one of {declared}");
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
