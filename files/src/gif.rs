//! The notes in a GIF: comments, and the packets of applications.

use bytes::{BufMut, Bytes, BytesMut};

/// The applications whose packets say how the pictures are shown: how often an animation repeats,
/// and what its colours are.
const SHOWN: [&[u8; 11]; 3] = [b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"];

/// Returns a GIF without its notes, and without what follows its end; `None` when it is broken.
/// The format is that of GIF89a, appendix A.
pub(crate) fn without_notes(photo: &Bytes) -> Option<Bytes> {
    let mut rest = &photo[..];
    let mut kept = BytesMut::with_capacity(photo.len());
    let screen = take(&mut rest, 13)?;
    kept.put(screen);
    kept.put(take(&mut rest, colours(screen[10]))?);
    loop {
        let begin = rest;
        let is_shown = match take(&mut rest, 1)? {
            b"\x3b" => {
                kept.put_u8(0x3b);
                return Some(kept.freeze());
            }
            b"\x2c" => {
                let picture = take(&mut rest, 9)?;
                take(&mut rest, colours(picture[8]) + 1)?;
                true
            }
            b"\x21" => match take(&mut rest, 1)? {
                b"\xfe" => false,
                b"\xff" => SHOWN.iter().any(|name| rest.get(1..12) == Some(&name[..])),
                _ => true,
            },
            _ => return None,
        };
        // The data is in pieces, each with its length before it; the last has none.
        loop {
            match take(&mut rest, 1)?[0] {
                0 => break,
                length => take(&mut rest, length.into())?,
            };
        }
        if is_shown {
            kept.put(&begin[..begin.len() - rest.len()]);
        }
    }
}

/// Returns the number of bytes of the table of colours that these flags announce.
fn colours(flags: u8) -> usize {
    match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use image::{AnimationDecoder, Delay, Frame, RgbaImage, codecs::gif};

    use super::*;

    const SECRET: &[u8] = b"51.4779 N, 0.0015 W";

    fn animation() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = gif::GifEncoder::new(&mut bytes);
        encoder.set_repeat(gif::Repeat::Infinite).expect("a GIF");
        for shade in [10, 200] {
            let picture = RgbaImage::from_pixel(8, 8, [shade, 0, 0, 255].into());
            let delay = Delay::from_numer_denom_ms(50, 1);
            let frame = Frame::from_parts(picture, 0, 0, delay);
            encoder.encode_frame(frame).expect("a GIF");
        }
        drop(encoder);
        bytes
    }

    fn pictures(gif: &[u8]) -> Vec<Vec<u8>> {
        let decoder = gif::GifDecoder::new(std::io::Cursor::new(gif)).expect("a GIF");
        let frames = decoder.into_frames().collect_frames().expect("whole");
        frames
            .into_iter()
            .map(|frame| frame.into_buffer().into_raw())
            .collect()
    }

    #[test]
    fn comments_and_packets_leave_and_the_animation_stays() {
        let plain = animation();
        let end = plain.len() - 1;
        let note = |kind: &[u8]| [kind, &[SECRET.len() as u8], SECRET, &[0]].concat();
        let notes = [note(b"\x21\xfe"), note(b"\x21\xff\x0bXMP DataXMP")].concat();
        let noted: Bytes = [&plain[..end], &notes, b"\x3b", SECRET].concat().into();
        let bare = without_notes(&noted).expect("a GIF");
        assert_eq!(bare, plain);
        assert_eq!(pictures(&bare).len(), 2);
        assert_eq!(pictures(&bare), pictures(&plain));
        for cut in 0..noted.len() - SECRET.len() {
            assert_eq!(without_notes(&noted.slice(..cut)), None, "cut at {cut}");
        }
    }
}
