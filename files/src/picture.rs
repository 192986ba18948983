//! Images: their dimensions, and smaller copies of them. The functions here compute for long, and
//! run on threads that may be kept busy.

use std::io::Cursor;

use bytes::Bytes;
use fair::{Refused, Turn};
use fast_image_resize::{ResizeOptions, Resizer};
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, metadata::Orientation,
};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use crate::{Error, Files, Size};

/// The largest file that is decoded, in bytes: a larger one is kept, and has neither dimensions nor
/// thumbnails.
pub const MAX_PICTURE: u64 = 32 << 20;
/// The most pixels on an edge of an image that has dimensions and thumbnails.
pub(crate) const MAX_EDGE: u32 = 16_384;
/// The most pixels on an edge of an image that an avatar is made of.
pub(crate) const MAX_AVATAR_EDGE: u32 = 8_192;
/// The most bytes that a decoded image may take: 67 megapixels with transparency, 89 without.
pub(crate) const MAX_MEMORY: u64 = 256 << 20;

/// The quality of WebP, of 100. Between 75, libwebp's default, and 85 no difference is seen in
/// pictures so small.
///
/// The encoder is libwebp's lossy one: the `image` crate writes lossless WebP, some ten times
/// larger for a photograph of 512 px, which every list of people and every page of pictures would
/// pay. The price is a build of C, as it is for ring and SQLite already.
const QUALITY: f32 = 80.0;

impl Files {
    /// Waits until a picture of the account may be decoded.
    pub(crate) async fn picture_turn(&self) -> Result<Turn, Error> {
        self.pictures.turn(&self.who).await.map_err(Error::from)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Busy => Self::Busy,
            // A decoder that panics has met an image that is none.
            Refused::Panicked => Self::NotAnImage,
            Refused::Stopped => Self::Stopped,
        }
    }
}

/// Returns the format of files of this type; `None` if they are not decoded.
pub(crate) fn format(content_type: &str) -> Option<ImageFormat> {
    use ImageFormat::{Gif, Jpeg, Png, WebP};
    ImageFormat::from_mime_type(content_type)
        .filter(|format| matches!(format, Gif | Jpeg | Png | WebP))
}

/// Reads width and height, as they are to be shown, from the header; `None` when it is broken, or
/// has too many pixels.
pub(crate) fn dimensions(bytes: &[u8], format: ImageFormat) -> Option<(u32, u32)> {
    let mut decoder = decoder(bytes, format, MAX_EDGE).ok()?;
    let (width, height) = decoder.dimensions();
    let turned = match decoder.orientation().ok()? {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => true,
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => false,
    };
    Some(if turned {
        (height, width)
    } else {
        (width, height)
    })
}

/// Shrinks an image to `size`, as WebP; of an animation its first picture. A small image is not
/// enlarged.
pub(crate) fn thumbnail(bytes: &[u8], format: ImageFormat, size: Size) -> Result<Bytes, Error> {
    let Decoded {
        image,
        orientation,
        profile,
    } = decode(bytes, format, MAX_EDGE)?;
    let longer = image.width().max(image.height());
    let scaled = |edge: u32| {
        (u64::from(edge) * u64::from(size.edge().min(longer)) / u64::from(longer)).max(1) as u32
    };
    let mut small = resize(
        &image,
        scaled(image.width()),
        scaled(image.height()),
        &ResizeOptions::new(),
    );
    small.apply_orientation(orientation);
    Ok(webp(&small, profile.as_ref()))
}

/// Cuts the square in the middle of an image, large and small, as WebP; of an animation from its
/// first picture. A small image is not enlarged. Nothing else of the file is kept, neither where it
/// was taken nor by whom.
pub(crate) fn avatar(bytes: &[u8], format: ImageFormat) -> Result<Avatar, Error> {
    let Decoded {
        image,
        orientation,
        profile,
    } = decode(bytes, format, MAX_AVATAR_EDGE)?;
    let shorter = image.width().min(image.height());
    let square = |size: Size| {
        let edge = size.edge().min(shorter);
        let mut square = resize(
            &image,
            edge,
            edge,
            &ResizeOptions::new().fit_into_destination(Some((0.5, 0.5))),
        );
        square.apply_orientation(orientation);
        webp(&square, profile.as_ref())
    };
    Ok(Avatar {
        large: square(Size::Large),
        small: square(Size::Small),
    })
}

/// The files of an avatar.
pub(crate) struct Avatar {
    pub(crate) large: Bytes,
    pub(crate) small: Bytes,
}

/// Reads the header of an image, within bounds.
pub(crate) fn decoder(
    bytes: &[u8],
    format: ImageFormat,
    edge: u32,
) -> Result<impl ImageDecoder, Error> {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(edge);
    limits.max_image_height = Some(edge);
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    reader.into_decoder().map_err(|error| refusal(&error, edge))
}

/// The pixels as they lie in the file. They are turned, and brought to sRGB, later, when they are
/// few.
struct Decoded {
    image: DynamicImage,
    orientation: Orientation,
    /// The colours of a file that has others than sRGB, as phones and cameras write.
    profile: Option<ColorProfile>,
}

fn decode(bytes: &[u8], format: ImageFormat, edge: u32) -> Result<Decoded, Error> {
    let mut decoder = decoder(bytes, format, edge)?;
    if decoder.total_bytes() > MAX_MEMORY {
        // Decoders count only what they allocate themselves, not the image that they fill.
        return Err(Error::TooManyPixels { edge });
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let profile = profile.and_then(|bytes| ColorProfile::new_from_slice(&bytes).ok());
    let image = DynamicImage::from_decoder(decoder).map_err(|error| refusal(&error, edge))?;
    Ok(Decoded {
        image,
        orientation,
        // The decoder has made RGB of all else.
        profile: profile.filter(|profile| profile.color_space == DataColorSpace::Rgb),
    })
}

fn refusal(error: &ImageError, edge: u32) -> Error {
    if matches!(error, ImageError::Limits(_)) {
        Error::TooManyPixels { edge }
    } else {
        Error::NotAnImage
    }
}

fn resize(image: &DynamicImage, width: u32, height: u32, options: &ResizeOptions) -> DynamicImage {
    let mut smaller = DynamicImage::new(width, height, image.color());
    Resizer::new()
        .resize(image, &mut smaller, options)
        .expect("both images have the same type of pixel, one that a decoder makes");
    smaller
}

fn webp(image: &DynamicImage, profile: Option<&ColorProfile>) -> Bytes {
    let (width, height) = (image.width(), image.height());
    let written = if image.color().has_alpha() {
        let pixels = srgb(image.to_rgba8().into_raw(), Layout::Rgba, profile);
        webp::Encoder::from_rgba(&pixels, width, height).encode_simple(false, QUALITY)
    } else {
        let pixels = srgb(image.to_rgb8().into_raw(), Layout::Rgb, profile);
        webp::Encoder::from_rgb(&pixels, width, height).encode_simple(false, QUALITY)
    };
    Bytes::copy_from_slice(&written.expect("libwebp writes every picture of 1 to 512 pixels"))
}

/// Brings pixels to sRGB, which is what the readers of a file without a profile take it for.
/// Colours of a broken profile stay as they are.
fn srgb(pixels: Vec<u8>, layout: Layout, profile: Option<&ColorProfile>) -> Vec<u8> {
    let Some(profile) = profile else {
        return pixels;
    };
    let (to, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let mut brought = vec![0; pixels.len()];
    let done = profile
        .create_transform_8bit(layout, &to, layout, options)
        .and_then(|transform| transform.transform(&pixels, &mut brought));
    done.map_or(pixels, |()| brought)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::open::WAITING;

    #[tokio::test]
    async fn an_account_waits_for_its_own_pictures_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Files::folder(folder.path()).expect("files");
        let (ann, bob) = (files.for_account("ann"), files.for_account("bob"));
        let mut turns = Vec::new();
        while let Some(turn) = ann.picture_turn().now_or_never() {
            turns.push(turn.expect("it is free"));
        }
        let mut waiting: Vec<_> = (0..WAITING.0).map(|_| ann.picture_turn().boxed()).collect();
        let waits = waiting.iter_mut().all(|turn| turn.now_or_never().is_none());
        assert!(waits, "so many of hers wait");
        let refused = ann.picture_turn().now_or_never();
        assert!(
            matches!(refused, Some(Err(Error::Busy))),
            "one more does not"
        );
        let mut his = bob.picture_turn().boxed();
        assert!((&mut his).now_or_never().is_none(), "his waits");
        drop(turns);
        drop(waiting.remove(0));
        assert!(
            (&mut his).now_or_never().is_some(),
            "it is served after one of hers"
        );
    }
}
