//! Images: how large they are, and smaller ones of them. What is here computes, and runs on threads that may be kept busy.

use std::{io::Cursor, sync::Arc};

use bytes::Bytes;
use fast_image_resize::{ResizeOptions, Resizer};
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, metadata::Orientation};
use tokio::sync::OwnedSemaphorePermit;

use crate::{Error, Files, Size};

/// No larger file is decoded, in bytes: it is kept, and has neither dimensions nor thumbnails.
pub const MAX_PICTURE: u64 = 32 << 20;
/// An image with more pixels on an edge has neither dimensions nor thumbnails.
pub(crate) const MAX_EDGE: u32 = 16_384;
/// An avatar has no more pixels on an edge.
pub(crate) const MAX_AVATAR_EDGE: u32 = 8_192;
/// What a decoded image may take, in bytes: 67 megapixels with transparency, 89 without.
pub(crate) const MAX_MEMORY: u64 = 256 << 20;

/// Of 100. Between 75, libwebp's default, and 85 nobody sees a difference in pictures so small.
///
/// Lossy, by libwebp: what the `image` crate writes is lossless, and so for a photograph of 512 px some ten times larger, which every list of people and every page of
/// pictures would pay. The price is a build of C, as it is for ring and SQLite already.
const QUALITY: f32 = 80.0;

impl Files {
    /// Waits until a picture may be decoded.
    pub(crate) async fn picture_permit(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.pictures).acquire_owned().await.expect("the semaphore is never closed")
    }
}

/// Does `work` where it holds up nobody. The permit goes with it: work cannot be stopped, even if nobody waits for it any more.
pub(crate) async fn on_thread<T: Send + 'static>(
    permit: OwnedSemaphorePermit,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let run = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    // A decoder that panics has met an image that is none.
    run.await.unwrap_or_else(|error| Err(if error.is_panic() { Error::NotAnImage } else { Error::Stopped }))
}

/// How files of this type are decoded; `None` if they are not.
pub(crate) fn format(content_type: &str) -> Option<ImageFormat> {
    use ImageFormat::{Gif, Jpeg, Png, WebP};
    ImageFormat::from_mime_type(content_type).filter(|format| matches!(format, Gif | Jpeg | Png | WebP))
}

/// Width and height as they are to be shown, from the header. `None` when it is broken, or tells of too many pixels.
pub(crate) fn dimensions(bytes: &[u8], format: ImageFormat) -> Option<(u32, u32)> {
    let mut decoder = decoder(bytes, format, MAX_EDGE).ok()?;
    let (width, height) = decoder.dimensions();
    let turned = match decoder.orientation().ok()? {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => true,
        Orientation::NoTransforms | Orientation::Rotate180 | Orientation::FlipHorizontal | Orientation::FlipVertical => false,
    };
    Some(if turned { (height, width) } else { (width, height) })
}

/// All of an image within `size`, as WebP; the first picture of an animation. It is not made larger.
pub(crate) fn thumbnail(bytes: &[u8], format: ImageFormat, size: Size) -> Result<Bytes, Error> {
    let (image, orientation) = decode(bytes, format, MAX_EDGE)?;
    let longer = image.width().max(image.height());
    let scaled = |edge: u32| (u64::from(edge) * u64::from(size.edge().min(longer)) / u64::from(longer)).max(1) as u32;
    let mut small = resize(&image, scaled(image.width()), scaled(image.height()), &ResizeOptions::new());
    small.apply_orientation(orientation);
    Ok(webp(&small))
}

/// The square in the middle of an image, large and small, as WebP; the first picture of an animation. It is not made larger. Nothing else of the file is kept, neither
/// where it was taken nor by whom.
pub(crate) fn avatar(bytes: &[u8], format: ImageFormat) -> Result<Avatar, Error> {
    let (image, orientation) = decode(bytes, format, MAX_AVATAR_EDGE)?;
    let shorter = image.width().min(image.height());
    let square = |size: Size| {
        let edge = size.edge().min(shorter);
        let mut square = resize(&image, edge, edge, &ResizeOptions::new().fit_into_destination(Some((0.5, 0.5))));
        square.apply_orientation(orientation);
        webp(&square)
    };
    Ok(Avatar { large: square(Size::Large), small: square(Size::Small) })
}

/// The files of an avatar.
pub(crate) struct Avatar {
    pub(crate) large: Bytes,
    pub(crate) small: Bytes,
}

/// The header, within bounds.
fn decoder(bytes: &[u8], format: ImageFormat, edge: u32) -> Result<impl ImageDecoder, Error> {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(edge);
    limits.max_image_height = Some(edge);
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    reader.into_decoder().map_err(|error| refusal(&error, edge))
}

/// The pixels as they lie in the file, and how they are to be turned: later, when they are few.
fn decode(bytes: &[u8], format: ImageFormat, edge: u32) -> Result<(DynamicImage, Orientation), Error> {
    let mut decoder = decoder(bytes, format, edge)?;
    if decoder.total_bytes() > MAX_MEMORY {
        return Err(Error::TooManyPixels { edge }); // decoders count what they allocate themselves, which this is not
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(|error| refusal(&error, edge))?;
    Ok((image, orientation))
}

fn refusal(error: &ImageError, edge: u32) -> Error {
    if matches!(error, ImageError::Limits(_)) { Error::TooManyPixels { edge } } else { Error::NotAnImage }
}

fn resize(image: &DynamicImage, width: u32, height: u32, options: &ResizeOptions) -> DynamicImage {
    let mut smaller = DynamicImage::new(width, height, image.color());
    Resizer::new().resize(image, &mut smaller, options).expect("both images have the same type of pixel, one that a decoder makes");
    smaller
}

fn webp(image: &DynamicImage) -> Bytes {
    let (width, height) = (image.width(), image.height());
    let written = if image.color().has_alpha() {
        webp::Encoder::from_rgba(&image.to_rgba8(), width, height).encode_simple(false, QUALITY)
    } else {
        webp::Encoder::from_rgb(&image.to_rgb8(), width, height).encode_simple(false, QUALITY)
    };
    Bytes::copy_from_slice(&written.expect("libwebp writes every picture of 1 to 512 pixels"))
}
