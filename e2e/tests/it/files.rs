//! Files that are attached to messages, and pictures of people and groups: hot and cold.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use e2e::{Answer, Client, Sql, Stack, eventually, on_both};
use reqwest::Method;
use serde_json::{Value, json};

/// A PNG of one colour.
fn png(width: u32, height: u32, colour: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = image::RgbImage::from_pixel(width, height, image::Rgb([colour, 80, 120]));
    picture
        .write_to(
            &mut std::io::Cursor::new(&mut bytes),
            image::ImageFormat::Png,
        )
        .expect("a picture");
    bytes
}

async fn upload(who: &Client, chat: &str, name: &str, bytes: &[u8]) -> Answer {
    let path = format!("/v1/chats/{chat}/attachments?name={name}");
    // What the client says it is, is not believed.
    who.raw(
        Method::POST,
        &path,
        Some(("text/html", bytes.to_vec())),
        &[],
    )
    .await
    .0
}

async fn download(who: &Client, path: &str, headers: &[(&'static str, &str)]) -> (Answer, Vec<u8>) {
    who.raw(Method::GET, path, None, headers).await
}

on_both!(a_file_is_sent_and_downloaded_for_as_long_as_its_message_lives);
async fn a_file_is_sent_and_downloaded_for_as_long_as_its_message_lives(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob, eve) = (
        api.register("ann").await,
        api.register("bob").await,
        api.register("eve").await,
    );
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let picture = png(300, 200, 10);
    let uploaded = upload(&ann, &chat, "Gr%C3%BC%C3%9Fe.png", &picture)
        .await
        .expect(201);
    assert_eq!(
        (&uploaded["name"], &uploaded["content_type"]),
        (&"Grüße.png".into(), &"image/png".into())
    );
    assert_eq!(
        (&uploaded["width"], &uploaded["height"], &uploaded["size"]),
        (&300.into(), &200.into(), &picture.len().into())
    );
    let path = format!(
        "/v1/chats/{chat}/attachments/{}",
        uploaded["hash"].as_str().expect("a hash")
    );
    download(&ann, &path, &[])
        .await
        .0
        .expect_problem(404, "not_found"); // no message has it yet

    // As the upload answered; and what is told of it is looked up.
    let mut liar = uploaded.clone();
    (liar["size"], liar["content_type"]) = (1.into(), "text/html".into());
    let messages = format!("/v1/chats/{chat}/messages");
    let sent = ann
        .post(&messages, json!({ "attachments": [liar] }))
        .await
        .expect(201);
    let mut file = uploaded.clone();
    let attachment = file.as_object_mut().expect("an object");
    assert_eq!(attachment.remove("metadata_removed"), Some(false.into()));
    assert_eq!(
        (&sent["attachments"], &sent["body"]),
        (&json!([attachment]), &"".into())
    );
    let uploaded = file;
    let id = sent["id"].as_i64().expect("an id");
    for at in 0..60 {
        ann.send(&chat, &at.to_string()).await.expect(201);
    }
    for _ in 0..2 {
        let (answer, bytes) = download(&bob, &path, &[]).await;
        assert_eq!(
            (
                answer.status,
                answer.header("content-type"),
                bytes == picture
            ),
            (200, "image/png", true)
        );
        assert!(
            answer
                .header("content-disposition")
                .starts_with("inline; filename=\"Gr__e.png\"; filename*=UTF-8''Gr%C3%BC")
        );
        assert_eq!(
            (
                answer.header("x-content-type-options"),
                answer.header("accept-ranges")
            ),
            ("nosniff", "bytes")
        );
        assert!(
            answer.header("cache-control").contains("immutable")
                && answer.header("content-security-policy").contains("sandbox")
        );
        let etag = answer.header("etag").to_owned();
        assert_eq!(
            download(&bob, &path, &[("if-none-match", &etag)])
                .await
                .0
                .status,
            304
        );
        let (part, bytes) = download(
            &bob,
            &path,
            &[("range", "bytes=10-19"), ("if-range", &etag)],
        )
        .await;
        assert_eq!((part.status, bytes), (206, picture[10..20].to_vec()));
        assert_eq!(
            part.header("content-range"),
            format!("bytes 10-19/{}", picture.len())
        );
        assert_eq!(
            download(
                &bob,
                &path,
                &[("range", "bytes=10-19"), ("if-range", "\"other\"")]
            )
            .await
            .1,
            picture
        );
        download(&bob, &path, &[("range", "bytes=999999-")])
            .await
            .0
            .expect_problem(416, "range_not_satisfiable");
        let (small, bytes) = download(&bob, &format!("{path}?size=128"), &[]).await;
        assert_eq!(small.header("content-type"), "image/webp");
        let small = image::load_from_memory(&bytes).expect("a picture");
        assert_eq!((small.width(), small.height()), (128, 85));
        download(&eve, &path, &[])
            .await
            .0
            .expect_problem(404, "not_found");
        download(&api.client(), &path, &[])
            .await
            .0
            .expect_problem(401, "unauthorized");
        let message = bob.get(&format!("{messages}/{id}")).await.expect(200);
        assert_eq!(message["attachments"], json!([uploaded]));
        stack
            .all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &[&chat])
            .await;
    }
    // Gone for me; gone for everyone, before SQL knows.
    bob.delete(&format!("{messages}/{id}?for=me"))
        .await
        .expect(204);
    download(&bob, &path, &[])
        .await
        .0
        .expect_problem(404, "not_found");
    assert_eq!(download(&ann, &path, &[]).await.0.status, 200);
    ann.delete(&format!("{messages}/{id}?for=everyone"))
        .await
        .expect(204);
    download(&ann, &path, &[])
        .await
        .0
        .expect_problem(404, "not_found");
    stack
        .all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &[&chat])
        .await;
    download(&ann, &path, &[])
        .await
        .0
        .expect_problem(404, "not_found");
    // Another message brings it back.
    let again = ann
        .post(
            &messages,
            json!({ "body": "again", "attachments": [{ "hash": uploaded["hash"] }] }),
        )
        .await
        .expect(201);
    assert_eq!(again["attachments"][0]["name"], uploaded["hash"]);
    assert_eq!(download(&bob, &path, &[]).await.1, picture);
    api.stop().await;
}

on_both!(bad_files_are_refused_and_say_why);
async fn bad_files_are_refused_and_say_why(sql: Sql) {
    let stack = Stack::start(sql).await;
    let config = api::Config {
        max_upload: 1000,
        ..api::Config::default().unlimited()
    };
    let api = stack.start_api_with(config, &stack.redis.url()).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let other = ann.create_group("other", &[]).await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    upload(&ann, &chat, "a", &[b'x'; 1001])
        .await
        .expect_problem(413, "too_large");
    let there = upload(&ann, &chat, "a", &[b'x'; 1000]).await.expect(201);
    assert_eq!(there["content_type"], "text/plain; charset=utf-8");
    upload(&ann, &chat, "a", b"")
        .await
        .expect_problem(422, "invalid");
    upload(&ann, &chat, "", b"x")
        .await
        .expect_problem(422, "invalid");
    upload(&ann, &chat, &"n".repeat(255), b"x")
        .await
        .expect(201);
    upload(&ann, &chat, &"n".repeat(256), b"x")
        .await
        .expect_problem(422, "invalid");
    upload(&ann, &chat, "a%0Ab", b"x")
        .await
        .expect_problem(422, "invalid");
    upload(&bob, &other, "a", b"x")
        .await
        .expect_problem(404, "not_found");
    let page = upload(
        &ann,
        &chat,
        "a.html",
        b"<html><script>alert(1)</script></html>",
    )
    .await
    .expect(201);
    assert_ne!(page["content_type"], "text/html");

    let send =
        async |chat: &str, body: Value| ann.post(&format!("/v1/chats/{chat}/messages"), body).await;
    let hash = &there["hash"];
    send(&other, json!({ "attachments": [{ "hash": hash }] }))
        .await
        .expect_problem(422, "invalid"); // of another chat
    send(&chat, json!({ "attachments": [{ "hash": "nothing" }] }))
        .await
        .expect_problem(422, "invalid");
    send(
        &chat,
        json!({ "attachments": vec![json!({ "hash": hash }); 11] }),
    )
    .await
    .expect_problem(422, "invalid");
    send(
        &chat,
        json!({ "attachments": vec![json!({ "hash": hash }); 10] }),
    )
    .await
    .expect(201);
    send(&chat, json!({ "attachments": [] }))
        .await
        .expect_problem(422, "invalid");
    send(&chat, json!({ "body": "" }))
        .await
        .expect_problem(422, "invalid");
    api.stop().await;
}

on_both!(a_file_keeps_its_name_which_is_no_path);
async fn a_file_keeps_its_name_which_is_no_path(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let encoded = |name: &str| -> String {
        let bytes = name.bytes().map(|one| format!("%{one:02X}"));
        bytes.collect()
    };
    for (at, (name, kept)) in [
        ("README", "README"),
        ("a \"b\"; c=d.txt", "a \"b\"; c=d.txt"),
        ("100% & more #1 + 2?.txt", "100% & more #1 + 2?.txt"),
        ("CON.txt", "CON.txt"),
        ("nul", "nul"),
        ("dots....", "dots...."),
        (".env", ".env"),
        ("חשבון.pdf", "חשבון.pdf"),
        ("👩🏽\u{200d}🚀 ❤\u{fe0f}.png", "👩🏽\u{200d}🚀 ❤\u{fe0f}.png"),
        ("Zoe\u{308}.txt", "Zo\u{eb}.txt"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("C:\\a\\b.txt", "C:_a_b.txt"),
        ("AC/DC.mp3", "AC_DC.mp3"),
    ]
    .into_iter()
    .enumerate()
    {
        let bytes = format!("file {at}");
        let file = upload(&ann, &chat, &encoded(name), bytes.as_bytes()).await;
        let file = file.expect(201);
        assert_eq!(file["name"], kept);
        // Also by whoever names it when it is sent.
        let body = json!({ "attachments": [{ "hash": file["hash"], "name": name }] });
        let messages = format!("/v1/chats/{chat}/messages");
        let sent = ann.post(&messages, body).await.expect(201);
        assert_eq!(sent["attachments"][0]["name"], kept);
        let hash = file["hash"].as_str().expect("a hash");
        let path = format!("/v1/chats/{chat}/attachments/{hash}");
        let (answer, _) = download(&bob, &path, &[]).await;
        let told = answer.header("content-disposition").to_ascii_lowercase();
        let (_, told) = told.split_once("utf-8''").expect("a name");
        let letters = |text: &str| -> Vec<u8> {
            let mut bytes = text.bytes();
            let mut letters = Vec::new();
            while let Some(byte) = bytes.next() {
                let hex: String = match byte {
                    b'%' => bytes.by_ref().take(2).map(char::from).collect(),
                    _ => format!("{byte:02x}"),
                };
                letters.push(u8::from_str_radix(&hex, 16).expect("hex"));
            }
            letters
        };
        let told = String::from_utf8(letters(told)).expect("UTF-8");
        assert_eq!(told.to_ascii_lowercase(), kept.to_ascii_lowercase());
    }
    for name in [".", "..", " .. "] {
        upload(&ann, &chat, &encoded(name), b"x")
            .await
            .expect_problem(422, "invalid");
    }
    api.stop().await;
}

on_both!(people_and_groups_have_pictures);
async fn people_and_groups_have_pictures(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob) = (api.register("ann").await, api.register("bob").await);
    let group = ann.create_group("Friends", &["bob"]).await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let put = async |who: &Client, path: &str, bytes: Vec<u8>| {
        who.raw(Method::PUT, path, Some(("image/png", bytes)), &[])
            .await
            .0
    };
    assert!(
        ann.get("/v1/users/me")
            .await
            .expect(200)
            .get("avatar_url")
            .is_none()
    );
    let mine = put(&ann, "/v1/users/me/avatar", png(900, 600, 1))
        .await
        .expect(200)["avatar_url"]
        .as_str()
        .expect("a URL")
        .to_owned();
    let chats = format!("/v1/chats/{group}/avatar");
    let theirs = put(&ann, &chats, png(60, 60, 2)).await.expect(200)["avatar_url"]
        .as_str()
        .expect("a URL")
        .to_owned();
    put(&bob, &chats, png(60, 60, 3))
        .await
        .expect_problem(403, "role_too_low");
    for _ in 0..2 {
        assert_eq!(
            bob.get(&format!("/v1/users/{}", ann.id)).await.expect(200)["avatar_url"],
            mine.as_str()
        );
        assert_eq!(
            bob.chat(&group).await.expect(200)["avatar_url"],
            theirs.as_str()
        );
        for (url, size, pixels) in [
            (&mine, "", 512),
            (&mine, "&size=128", 128),
            (&theirs, "", 60),
            (&theirs, "&size=20", 60),
        ] {
            let (answer, bytes) = download(&bob, &format!("{url}{size}"), &[]).await;
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (200, "image/webp"),
                "{}",
                answer.text
            );
            let picture = image::load_from_memory(&bytes).expect("a picture");
            assert_eq!((picture.width(), picture.height()), (pixels, pixels));
            assert_eq!(
                download(
                    &bob,
                    &format!("{url}{size}"),
                    &[("if-none-match", answer.header("etag"))]
                )
                .await
                .0
                .status,
                304
            );
        }
        stack
            .all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &[&group])
            .await;
    }
    let other = put(&ann, "/v1/users/me/avatar", png(10, 10, 9))
        .await
        .expect(200)["avatar_url"]
        .as_str()
        .expect("a URL")
        .to_owned();
    assert_ne!(other, mine, "another picture has another address");
    assert!(
        ann.delete("/v1/users/me/avatar")
            .await
            .expect(200)
            .get("avatar_url")
            .is_none()
    );
    assert!(
        ann.delete(&chats)
            .await
            .expect(200)
            .get("avatar_url")
            .is_none()
    );
    for path in [format!("/v1/users/{}/avatar", ann.id), chats.clone()] {
        bob.get(&path).await.expect_problem(404, "not_found");
    }
    put(&ann, "/v1/users/me/avatar", b"no picture".to_vec())
        .await
        .expect_problem(415, "unsupported_media_type");
    put(&ann, "/v1/users/me/avatar", vec![0; (5 << 20) + 1])
        .await
        .expect_problem(413, "too_large");
    let eve = api.register("eve").await;
    put(&eve, &chats, png(60, 60, 3))
        .await
        .expect_problem(404, "not_found");
    let direct = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    put(&ann, &format!("/v1/chats/{direct}/avatar"), png(60, 60, 3))
        .await
        .expect_problem(409, "direct_chat");
    api.stop().await;
}

on_both!(files_that_nobody_refers_to_are_collected_in_time);
async fn files_that_nobody_refers_to_are_collected_in_time(sql: Sql) {
    let stack = Stack::start(sql).await;
    let config = api::Config {
        files_sweep: Duration::from_millis(100),
        ..api::Config::default().unlimited()
    };
    let api = stack.start_api_with(config, &stack.redis.url()).await;
    let (mut ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let mut hashes = Vec::new();
    for name in ["unsaved", "saved", "deleted", "orphan", "young"] {
        hashes.push(
            upload(&ann, &chat, name, name.as_bytes()).await.expect(201)["hash"]
                .as_str()
                .expect("a hash")
                .to_owned(),
        );
    }
    let attach = async |ann: &Client, at: usize| {
        let body = json!({ "attachments": [{ "hash": hashes[at] }] });
        ann.post(&format!("/v1/chats/{chat}/messages"), body)
            .await
            .expect(201)["id"]
            .as_i64()
            .expect("an id")
    };
    attach(&ann, 1).await;
    let deleted = attach(&ann, 2).await;
    let group = ann.create_group("Friends", &["bob"]).await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let theirs = format!("/v1/chats/{group}/avatar");
    for (path, picture) in [("/v1/users/me/avatar", 1), (theirs.as_str(), 2)] {
        let picture = Some(("image/png", png(60, 60, picture)));
        let put = ann.raw(Method::PUT, path, picture, &[]).await;
        put.0.expect(200);
    }
    stack
        .all_leave_and_return(&mut [("ann", &mut ann)], &[&chat, &group])
        .await;
    ann.delete(&format!("/v1/chats/{chat}/messages/{deleted}?for=everyone"))
        .await
        .expect(204);
    stack
        .all_leave_and_return(&mut [("ann", &mut ann)], &[&chat, &group])
        .await;
    attach(&ann, 0).await;
    let path = |at: usize| {
        stack
            .files
            .join(format!("attachments/{chat}/{}", hashes[at]))
    };
    let avatars = || {
        let all = std::fs::read_dir(stack.files.join("avatars")).expect("a folder");
        let all = all.map(|file| file.expect("a file").path());
        all.collect::<std::collections::BTreeSet<_>>()
    };
    let long_ago = SystemTime::now() - Duration::from_secs(25 * 3600);
    let age = |path: &Path| {
        let file = std::fs::File::options().write(true).open(path);
        let aged = file.and_then(|file| file.set_modified(long_ago));
        aged.expect("its time is set");
    };
    let pictures = avatars();
    assert!(pictures.len() >= 2, "{pictures:?}");
    pictures.iter().for_each(|picture| age(picture));
    (0..4).for_each(|at| age(&path(at)));
    let patience = Duration::from_secs(60);
    eventually(patience, "the orphans are gone", async || {
        !path(2).exists() && !path(3).exists()
    })
    .await;
    // Once a picture is gone twice, all files have been looked at in between.
    for _ in 0..2 {
        let orphan = stack.files.join("avatars").join("f".repeat(64));
        std::fs::write(&orphan, "nobody's").expect("written");
        age(&orphan);
        eventually(patience, "the picture is gone", async || !orphan.exists()).await;
    }
    assert_eq!(
        avatars(),
        pictures,
        "the pictures of a person and of a group"
    );
    assert!(
        path(0).exists() && path(1).exists() && path(4).exists(),
        "what is referred to, and what is young, stays"
    );
    api.stop().await;
}
