//! The metadata of a HEIF picture (HEIC and AVIF), as phones take them.
//!
//! A HEIF file (ISO/IEC 23008-12) is made of boxes (ISO/IEC 14496-12). Its `meta` box lists items:
//! pictures, and notes such as EXIF and XMP; `iloc` says where the bytes of each are. Notes are
//! overwritten with zeros where they are, so that nothing else moves. How a picture is to be turned
//! is not in its EXIF.

use std::ops::Range;

use bytes::Bytes;

/// The brands of files that are HEIF.
const BRANDS: [&[u8; 4]; 11] = [
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"miaf", b"avif",
    b"avis",
];
/// The types of items that are no pictures.
const NOTES: [&[u8]; 3] = [b"Exif", b"mime", b"uri "];

/// True for a file that begins with `head`, if it is HEIF.
pub(crate) fn is_heif(head: &[u8]) -> bool {
    let first = Boxes(head, 0..head.len()).next();
    first.is_some_and(|(kind, content)| {
        let brands = head[content].chunks(4);
        kind == b"ftyp" && { brands }.any(|brand| BRANDS.iter().any(|known| *known == brand))
    })
}

/// Returns a picture whose notes are zeros; `None` when it has none, or is broken.
pub(crate) fn blank_notes(photo: &Bytes) -> Option<Bytes> {
    let mut blank = photo.to_vec();
    for place in notes(photo)? {
        blank.get_mut(place)?.fill(0);
    }
    Some(Bytes::from(blank))
}

/// Returns where notes are.
fn notes(photo: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut places = Vec::new();
    for (kind, content) in Boxes(photo, 0..photo.len()) {
        match kind {
            b"meta" => places.extend(notes_of_meta(photo, content)?),
            // XMP may be in a box of its own, behind a UUID.
            b"uuid" => places.push(content.start.saturating_add(16).min(content.end)..content.end),
            _ => {}
        }
    }
    Some(places)
}

fn notes_of_meta(photo: &[u8], meta: Range<usize>) -> Option<Vec<Range<usize>>> {
    let inner = || Boxes(photo, meta.start.saturating_add(4)..meta.end);
    let find = |name: &[u8]| {
        inner()
            .find(|(kind, _)| *kind == name)
            .map(|(_, place)| place)
    };
    let (Some(infos), Some(locations)) = (find(b"iinf"), find(b"iloc")) else {
        return Some(Vec::new());
    };
    let ids = note_ids(photo, infos)?;
    let data = find(b"idat").map_or(0, |place| place.start);
    note_places(Reader(photo.get(locations)?), &ids, data)
}

/// Returns the ids of the items that are notes.
fn note_ids(photo: &[u8], infos: Range<usize>) -> Option<Vec<u64>> {
    let mut ids = Vec::new();
    let version = *photo.get(infos.start)?;
    let head = if version == 0 { 6 } else { 8 };
    for (_, content) in Boxes(photo, infos.start + head..infos.end) {
        let mut info = Reader(photo.get(content)?);
        let version = info.number(1)?;
        info.number(3)?;
        if version < 2 {
            continue;
        }
        let id = info.number(if version == 2 { 2 } else { 4 })?;
        info.number(2)?;
        if NOTES.contains(&info.take(4)?) {
            ids.push(id);
        }
    }
    Some(ids)
}

/// Returns where the items with these ids are; `data` is where the `meta` box has data of its own.
fn note_places(mut iloc: Reader, ids: &[u64], data: usize) -> Option<Vec<Range<usize>>> {
    let mut places = Vec::new();
    let version = iloc.number(1)?;
    iloc.number(3)?;
    let sizes = iloc.number(2)?;
    let [of_offset, of_length, of_base, of_index] =
        [12, 8, 4, 0].map(|at| (sizes >> at & 0xf) as usize);
    let id_size = if version < 2 { 2 } else { 4 };
    for _ in 0..iloc.number(id_size)? {
        let id = iloc.number(id_size)?;
        let method = if version == 0 {
            0
        } else {
            iloc.number(2)? & 0xf
        };
        iloc.number(2)?;
        let base = iloc.number(of_base)?;
        for _ in 0..iloc.number(2)? {
            if version > 0 {
                iloc.number(of_index)?;
            }
            let (offset, length) = (iloc.number(of_offset)?, iloc.number(of_length)?);
            if ids.contains(&id) {
                let start = match method {
                    0 => 0,
                    1 => data,
                    _ => return None,
                };
                let start = start.checked_add(usize::try_from(base.checked_add(offset)?).ok()?)?;
                places.push(start..start.checked_add(usize::try_from(length).ok()?)?);
            }
        }
    }
    Some(places)
}

/// The boxes in a range of a file: the type of each, and where its content is. It ends before one
/// that is cut off.
struct Boxes<'a>(&'a [u8], Range<usize>);

impl<'a> Iterator for Boxes<'a> {
    type Item = (&'a [u8], Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let Self(file, rest) = self;
        let mut header = Reader(file.get(rest.clone())?);
        let size = header.number(4)?;
        let kind = header.take(4)?;
        let (size, head) = match size {
            0 => (rest.len(), 8),
            1 => (usize::try_from(header.number(8)?).ok()?, 16),
            size => (usize::try_from(size).ok()?, 8),
        };
        if size < head || size > rest.len() {
            return None;
        }
        let content = rest.start + head..rest.start + size;
        rest.start = content.end;
        Some((kind, content))
    }
}

/// Bytes that are read one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Reads a number of up to 8 bytes, the highest first.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        let taken = self.take(bytes)?;
        Some(
            taken
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures of 16 x 16 pixels, with a place in EXIF and another in XMP, as libheif writes them.
    const PICTURES: [&[u8]; 2] = [
        include_bytes!("../tests/pictures/place.heic"),
        include_bytes!("../tests/pictures/place.avif"),
    ];
    const SECRETS: [&[u8]; 2] = [b"51.4779 N", b"0.0015 W"];

    fn has(photo: &[u8], text: &[u8]) -> bool {
        photo.windows(text.len()).any(|part| part == text)
    }

    #[test]
    fn what_a_phone_notes_is_overwritten_and_nothing_else() {
        for photo in PICTURES {
            assert!(is_heif(photo));
            assert!(SECRETS.iter().all(|secret| has(photo, secret)));
            let blank = blank_notes(&Bytes::from_static(photo)).expect("it has notes");
            assert!(!SECRETS.iter().any(|secret| has(&blank, secret)));
            assert_eq!(blank.len(), photo.len());
            let changed = photo.iter().zip(&blank).filter(|(was, is)| was != is);
            assert!(changed.clone().all(|(_, is)| *is == 0));
            assert_eq!(
                blank_notes(&blank).as_ref(),
                Some(&blank),
                "nothing is left"
            );
        }
    }

    #[test]
    fn other_files_are_no_heif_and_what_is_cut_off_does_no_harm() {
        for other in [&b"\xff\xd8\xff"[..], b"", b"\0\0\0\x14ftypisom\0\0\0\0mp42"] {
            assert!(!is_heif(other));
        }
        for photo in PICTURES {
            for cut in 0..photo.len() {
                let _ = (
                    is_heif(&photo[..cut]),
                    blank_notes(&Bytes::from_static(&photo[..cut])),
                );
            }
            // Nor do numbers that lead anywhere.
            for at in 0..photo.len() {
                let mut wrong = photo.to_vec();
                wrong[at] ^= 0xff;
                let _ = blank_notes(&wrong.into());
            }
        }
    }
}
