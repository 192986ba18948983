//! What a camera writes into a photo beside its pixels: the place, the time, the device, a smaller
//! picture, a short film. It leaves JPEG, PNG, WebP, GIF, HEIC and AVIF; the pixels are not encoded
//! anew. It stays in all else (TIFF and the raw files of cameras, which are nothing but files to
//! all who see them; videos; documents), and in a photo that is too damaged to be read.

use bytes::{BufMut, Bytes, BytesMut};
use image::{ImageDecoder, ImageFormat, metadata::Orientation};
use img_parts::{
    ImageEXIF,
    jpeg::{Jpeg, JpegSegment, markers},
    png::Png,
    webp::WebP,
};

use crate::{
    Error, Files, gif, heif,
    picture::{self, MAX_EDGE},
    put::read,
    spool::Spooled,
};

/// The largest photo that is taken where its metadata must leave it, in bytes: it is held in memory
/// meanwhile.
const MAX_PHOTO: u64 = 128 << 20;

/// The chunks of a PNG that say how its pixels are shown, beside those that every reader needs.
const PNG_CHUNKS: [&[u8; 4]; 14] = [
    b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs", b"cICP", b"mDCV",
    b"cLLI", b"acTL", b"fcTL", b"fdAT",
];
/// The chunks of a WebP that say how its pixels are shown, and the pixels.
const WEBP_CHUNKS: [&[u8; 4]; 7] = [
    b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP",
];

impl Files {
    /// Returns a spooled photo of this type without its metadata; `None` when it has none, or is of
    /// a format that has no place for any, or is broken.
    pub(crate) async fn without_metadata(
        &self,
        spooled: &Spooled,
        content_type: &str,
    ) -> Result<Option<Bytes>, Error> {
        let format = picture::format(content_type);
        if format.is_none() && !heif::is_heif(&spooled.head) {
            return Ok(None);
        }
        if spooled.size > MAX_PHOTO {
            return Err(Error::TooLarge { limit: MAX_PHOTO });
        }
        // The turn comes before the bytes, of which there may be many.
        let turn = self.picture_turn().await?;
        let file = spooled.file.try_clone();
        let file = file.map_err(|cause| self.cannot_spool(cause))?;
        let whole = read(file, 0..spooled.size).await;
        let whole = whole.map_err(|cause| self.cannot_spool(cause))?;
        Ok(turn.run(move || strip(&whole, format)).await?)
    }
}

/// Returns a photo without its metadata but for how it is to be turned. `format`: `None` for HEIF.
fn strip(photo: &Bytes, format: Option<ImageFormat>) -> Option<Bytes> {
    let bare = match format {
        Some(ImageFormat::Jpeg) => strip_jpeg(photo, turn_of(photo, ImageFormat::Jpeg)),
        Some(ImageFormat::Png) => strip_png(photo, turn_of(photo, ImageFormat::Png)),
        Some(ImageFormat::WebP) => strip_webp(photo, turn_of(photo, ImageFormat::WebP)),
        Some(_) => gif::without_notes(photo),
        None => heif::blank_notes(photo),
    };
    bare.filter(|bare| bare != photo)
}

/// Returns EXIF that says how a photo is to be turned, if it is.
fn turn_of(photo: &Bytes, format: ImageFormat) -> Option<Bytes> {
    picture::decoder(photo, format, MAX_EDGE)
        .ok()
        .and_then(|mut decoder| decoder.orientation().ok())
        .filter(|orientation| *orientation != Orientation::NoTransforms)
        .map(exif)
}

fn strip_jpeg(photo: &Bytes, turned: Option<Bytes>) -> Option<Bytes> {
    let mut jpeg = Jpeg::from_bytes(photo.clone()).ok()?;
    jpeg.segments_mut().retain(is_shown);
    let first = jpeg.segments_mut().pop().filter(JpegSegment::has_entropy)?;
    let (marker, contents, header) = (first.marker(), first.contents().clone(), first.len());
    let scans = strip_scans(&first.encoder().bytes().slice(header..));
    let first = JpegSegment::new_with_entropy(marker, contents, scans);
    jpeg.segments_mut().push(first);
    jpeg.set_exif(turned);
    Some(jpeg.encoder().bytes())
}

/// Returns the scans of a JPEG, from the data of the first one to the end of the image: without
/// notes between scans, and without what follows the image, as a film or another picture.
fn strip_scans(scans: &[u8]) -> Bytes {
    let (mut kept, mut at) = (BytesMut::with_capacity(scans.len()), 0);
    while let Some(next) = scans
        .get(at..)
        .and_then(|rest| rest.iter().position(|one| *one == 0xff))
    {
        let data = at..at + next;
        kept.put(&scans[data.clone()]);
        let marker = scans.get(data.end + 1).copied().unwrap_or(markers::EOI);
        let length = match (marker, scans.get(data.end + 2..data.end + 4)) {
            (markers::EOI, _) => {
                kept.put(&[0xff, markers::EOI][..]);
                return kept.freeze();
            }
            (0xff, _) => 1,
            (0 | markers::RST0..=markers::RST7, _) | (_, None) => 2,
            (_, Some(length)) => 2 + usize::from(u16::from_be_bytes([length[0], length[1]])),
        };
        at = (data.end + length).min(scans.len());
        if !is_note(marker) {
            kept.put(&scans[data.end..at]);
        }
    }
    kept.put(&scans[at..]);
    kept.freeze()
}

/// True for a segment of a JPEG that says how its pixels are shown.
fn is_shown(segment: &JpegSegment) -> bool {
    match segment.marker() {
        markers::APP0 => segment.contents().starts_with(b"JFIF\0"),
        markers::APP2 => segment.contents().starts_with(b"ICC_PROFILE\0"),
        markers::APP14 => segment.contents().starts_with(b"Adobe"),
        marker => !is_note(marker),
    }
}

/// True for the markers of applications, and of comments.
fn is_note(marker: u8) -> bool {
    (markers::APP0..=markers::APP15).contains(&marker) || marker == markers::COM
}

fn strip_png(photo: &Bytes, turned: Option<Bytes>) -> Option<Bytes> {
    let mut png = Png::from_bytes(photo.clone()).ok()?;
    // The first letter of a chunk that every reader needs is large.
    png.chunks_mut().retain(|chunk| {
        chunk.kind()[0].is_ascii_uppercase() || PNG_CHUNKS.contains(&&chunk.kind())
    });
    png.set_exif(turned);
    Some(png.encoder().bytes())
}

fn strip_webp(photo: &Bytes, turned: Option<Bytes>) -> Option<Bytes> {
    let mut webp = WebP::from_bytes(photo.clone()).ok()?;
    webp.chunks_mut()
        .retain(|chunk| WEBP_CHUNKS.contains(&&chunk.id()));
    webp.set_exif(turned);
    Some(webp.encoder().bytes())
}

/// Returns EXIF that says how a photo is to be turned, and nothing else: TIFF 6.0, section 2, with
/// one entry of the tag 0x0112 (EXIF 2.3, section 4.6.4).
fn exif(orientation: Orientation) -> Bytes {
    let mut tiff = BytesMut::with_capacity(26);
    tiff.put(&b"MM\0*"[..]);
    tiff.put_u32(8); // the offset of the directory
    tiff.put_u16(1); // its entries
    tiff.put_u16(0x0112);
    tiff.put_u16(3); // a number of 16 bits
    tiff.put_u32(1); // one of them
    tiff.put_u16(orientation.to_exif().into());
    tiff.put_u16(0);
    tiff.put_u32(0); // no other directory
    tiff.freeze()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageEncoder, ImageReader, RgbImage, codecs};

    use super::*;

    const SECRET: &[u8] = b"51.4779 N, 0.0015 W";

    /// Returns EXIF with an orientation, and a note.
    fn noted(orientation: u8) -> Vec<u8> {
        let turned = Orientation::from_exif(orientation).expect("one of eight");
        [&exif(turned)[..], SECRET].concat()
    }

    fn pixels() -> RgbImage {
        RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 6, y as u8 * 8, 90]))
    }

    fn photo(format: ImageFormat) -> Bytes {
        let (mut bytes, image) = (Vec::new(), pixels());
        match format {
            ImageFormat::Jpeg => {
                let mut encoder = codecs::jpeg::JpegEncoder::new(&mut bytes);
                encoder.set_exif_metadata(noted(6)).expect("EXIF");
                encoder.encode_image(&image).expect("a JPEG");
            }
            ImageFormat::Png => {
                let mut encoder = codecs::png::PngEncoder::new(&mut bytes);
                encoder.set_exif_metadata(noted(6)).expect("EXIF");
                DynamicImage::from(image)
                    .write_with_encoder(encoder)
                    .expect("a PNG");
            }
            _ => {
                let mut encoder = codecs::webp::WebPEncoder::new_lossless(&mut bytes);
                encoder.set_exif_metadata(noted(6)).expect("EXIF");
                DynamicImage::from(image)
                    .write_with_encoder(encoder)
                    .expect("a WebP");
            }
        }
        bytes.into()
    }

    fn has_secret(bytes: &[u8]) -> bool {
        bytes.windows(SECRET.len()).any(|window| window == SECRET)
    }

    fn read_back(bytes: &Bytes, format: ImageFormat) -> (Orientation, DynamicImage) {
        let mut decoder = ImageReader::with_format(Cursor::new(bytes), format)
            .into_decoder()
            .expect("an image");
        let orientation = decoder.orientation().expect("EXIF");
        (
            orientation,
            DynamicImage::from_decoder(decoder).expect("pixels"),
        )
    }

    #[test]
    fn a_photo_loses_its_notes_and_keeps_its_pixels_and_its_turn() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let photo = photo(format);
            assert!(has_secret(&photo));
            let bare = strip(&photo, Some(format)).expect("it has notes");
            assert!(!has_secret(&bare), "{format:?}");
            assert_eq!(read_back(&photo, format).0, Orientation::Rotate90);
            assert_eq!(
                read_back(&bare, format),
                read_back(&photo, format),
                "{format:?}"
            );
            assert_eq!(
                strip(&bare, Some(format)),
                None,
                "{format:?}: nothing is left to remove"
            );
        }
    }

    #[test]
    fn nothing_is_left_between_the_scans_of_a_jpeg_or_after_them() {
        let photo = photo(ImageFormat::Jpeg);
        let film = [&photo[..], SECRET].concat().into();
        let bare = strip(&film, Some(ImageFormat::Jpeg)).expect("it has notes");
        assert!(!has_secret(&bare));
        assert_eq!(Some(bare), strip(&photo, Some(ImageFormat::Jpeg)));

        let note = [&[0xff, 0xe1, 0, 2 + SECRET.len() as u8][..], SECRET].concat();
        let second = [0xff, 0xda, 0, 4, 0xff, 0xd9, 7, 0xff, 0, 8, 0xff, 0xd9];
        let scans = [&[1, 0xff, 0xd3, 2][..], &note, &second, SECRET].concat();
        let kept = [&[1, 0xff, 0xd3, 2][..], &second].concat();
        assert_eq!(strip_scans(&scans), kept);
        for cut in 0..scans.len() {
            assert!(strip_scans(&scans[..cut]).len() <= cut + 2, "cut at {cut}");
        }
    }

    #[test]
    fn texts_of_a_png_and_packets_of_a_webp_leave() {
        let mut png = Png::from_bytes(photo(ImageFormat::Png)).expect("a PNG");
        let text = img_parts::png::PngChunk::new(*b"tEXt", SECRET.to_vec().into());
        png.chunks_mut().insert(1, text);
        let bare = strip(&png.encoder().bytes(), Some(ImageFormat::Png)).expect("it has notes");
        assert!(!has_secret(&bare));

        let mut webp = WebP::from_bytes(photo(ImageFormat::WebP)).expect("a WebP");
        let packet = img_parts::riff::RiffContent::Data(SECRET.to_vec().into());
        webp.chunks_mut()
            .push(img_parts::riff::RiffChunk::new(*b"XMP ", packet));
        let bare = strip(&webp.encoder().bytes(), Some(ImageFormat::WebP)).expect("it has notes");
        assert!(!has_secret(&bare));
    }

    #[test]
    fn a_broken_photo_stays_as_it_is() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            assert_eq!(strip(&Bytes::from_static(b"no image"), Some(format)), None);
            let photo = photo(format);
            for cut in [1, 2, 10, photo.len() / 2] {
                let _ = strip(&photo.slice(..cut), Some(format)); // and does not panic
            }
        }
    }
}
