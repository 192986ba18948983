//! Accounts against those who mean harm: a stolen session, a person who is blocked, a name that
//! pretends, another page in the browser, another user of the machine.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use e2e::{Api, Client, Keeper, Listener, PASSWORD, Process, Sql, Stack, eventually, on_both};
use reqwest::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

fn config(set: impl FnOnce(&mut api::Config)) -> api::Config {
    let mut config = api::Config::default().unlimited();
    set(&mut config);
    config
}

async fn start(stack: &Stack, set: impl FnOnce(&mut api::Config)) -> Api {
    stack.start_api_with(config(set), &stack.redis.url()).await
}

fn id_of(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").to_owned()
}

/// Asserts a 422 of one field, with this code.
#[track_caller]
fn breaks(answer: e2e::Answer, field: &str, code: &str) {
    let problem = answer.expect_problem(422, "invalid");
    assert_eq!(
        (
            &problem["errors"][0]["field"],
            &problem["errors"][0]["code"]
        ),
        (&json!(field), &json!(code)),
        "{problem}"
    );
}

on_both!(a_session_alone_does_not_change_what_its_user_logs_in_with);
async fn a_session_alone_does_not_change_what_its_user_logs_in_with(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut ann = api.register("ann").await;
    let mut elsewhere = api.client();
    elsewhere.login("ann").await;
    for change in [
        json!({ "username": "eve" }),
        json!({ "email": "eve@example.org" }),
    ] {
        let answer = elsewhere.patch("/v1/users/me", change.clone()).await;
        breaks(answer, "current_password", "required");
        let mut guessed = change;
        guessed["current_password"] = "not her password".into();
        let answer = elsewhere.patch("/v1/users/me", guessed).await;
        breaks(answer, "current_password", "wrong");
    }
    let same = json!({ "username": "ann", "email": "ann@example.org", "display_name": "Ann B." });
    elsewhere.patch("/v1/users/me", same).await.expect(200);
    ann.get("/v1/users/me").await.expect(200);

    let stolen = ann.clone();
    let changed = ann
        .change_names(json!({ "email": "anna@example.org" }))
        .await;
    let cookie = changed.header("set-cookie").to_owned();
    assert_eq!(changed.expect(200)["email"], "anna@example.org");
    for ended in [&stolen, &elsewhere] {
        ended
            .get("/v1/users/me")
            .await
            .expect_problem(401, "unauthorized");
    }
    let token = ann.token.clone().expect("a new token");
    assert!(
        cookie.contains(&token),
        "a page has the same session: {cookie}"
    );
    let sessions = ann.get("/v1/auth/sessions").await.expect(200);
    assert_eq!(sessions["items"].as_array().map(Vec::len), Some(1));

    // A page never sees a token.
    let cookie = format!("carrier_session={token}");
    let headers = [
        ("cookie", cookie.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    let body = json!({ "current_password": PASSWORD, "new_password": "tugboat-salad-7" });
    let body = Some(("application/json", body.to_string().into_bytes()));
    let page = api.client();
    let (answer, _) = page
        .raw(Method::PUT, "/v1/users/me/password", body, &headers)
        .await;
    let cookie = answer.header("set-cookie").to_owned();
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    ann.get("/v1/users/me")
        .await
        .expect_problem(401, "unauthorized");
    let (_, rest) = cookie.split_once('=').expect("a cookie");
    ann.token = rest.split(';').next().map(str::to_owned);
    ann.get("/v1/users/me").await.expect(200);
    api.stop().await;
}

on_both!(whom_i_block_puts_me_into_no_chat);
async fn whom_i_block_puts_me_into_no_chat(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, eve, bob) = (
        api.register("ann").await,
        api.register("eve").await,
        api.register("bob").await,
    );
    let group = id_of(&eve.create_group("Fun", &["ann", "bob"]).await.expect(201));
    let empty = id_of(&eve.create_group("More fun", &[]).await.expect(201));
    let path = format!("/v1/users/me/blocks/{}", eve.id);
    ann.put(&path, json!(null)).await.expect(204);
    ann.remove_member(&group, &ann.id).await.expect(204);

    eve.add_member(&group, &ann.id)
        .await
        .expect_problem(403, "not_accepted");
    eve.add_member(&empty, &ann.id)
        .await
        .expect_problem(403, "not_accepted");
    eve.create_group("Again", &["bob", "ann"])
        .await
        .expect_problem(403, "not_accepted");
    eve.create_direct("ann")
        .await
        .expect_problem(403, "not_accepted");
    assert_eq!(ann.chats().await.len(), 0);
    eve.create_group("Without her", &["bob"]).await.expect(201);
    // Others may, and so may she.
    let friends = id_of(&bob.create_group("Friends", &["ann"]).await.expect(201));
    ann.add_member(&friends, &eve.id)
        .await
        .expect_problem(403, "role_too_low");
    ann.create_group("Hers", &["eve"]).await.expect(201);
    // Who may add nobody does not learn who blocks them.
    let others = id_of(&bob.create_group("Others", &["eve"]).await.expect(201));
    eve.add_member(&others, &ann.id)
        .await
        .expect_problem(403, "role_too_low");
    ann.delete(&path).await.expect(204);
    eve.add_member(&group, &ann.id).await.expect(201);
    api.stop().await;
}

on_both!(an_address_finds_only_those_who_allow_it);
async fn an_address_finds_only_those_who_allow_it(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, bob) = (api.register("ann").await, api.register("bob").await);
    let find = async || bob.create_direct("ann@example.org").await;
    breaks(find().await, "members[0]", "unknown_member");
    breaks(
        bob.create_group("All", &["ann@example.org"]).await,
        "members[0]",
        "unknown_member",
    );
    let me = ann.get("/v1/users/me").await.expect(200);
    assert_eq!(me["found_by_email"], false);
    // Who wants it as their own is told that it is taken.
    let own = json!({ "username": "eve", "email": "Ann@example.org", "password": PASSWORD });
    let taken = bob.post("/v1/auth/register", own).await;
    taken.expect_problem(409, "email_taken");
    let allow = json!({ "found_by_email": true });
    assert_eq!(
        ann.patch("/v1/users/me", allow).await.expect(200)["found_by_email"],
        true
    );
    assert_eq!(find().await.expect(201)["peer"]["id"], json!(ann.id));
    // It is kept in SQL too.
    stack
        .all_leave_and_return(&mut [("ann", &mut ann)], &[])
        .await;
    assert_eq!(find().await.expect(200)["peer"]["id"], json!(ann.id));
    let forbid = json!({ "found_by_email": false });
    ann.patch("/v1/users/me", forbid).await.expect(200);
    breaks(find().await, "members[0]", "unknown_member");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_directory_finds_one_person_by_the_whole_name() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, |config| config.directory = api::Directory::Closed).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let found = async |query: &str| {
        let answer = bob.get(&format!("/v1/users?{query}")).await.expect(200);
        let items = answer["items"].as_array().expect("items").clone();
        items.iter().map(id_of).collect::<Vec<_>>()
    };
    for nobody in ["", "query=an", "query=ann@example.org", "limit=100"] {
        assert_eq!(found(nobody).await, [""; 0], "{nobody}");
    }
    assert_eq!(found("query=%20ANN").await, [ann.id.as_str()]);
    assert_eq!(found(&format!("ids={}", ann.id)).await, [ann.id.as_str()]);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_what_they_look_like_and_messages_show_something() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (mut ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    let group = id_of(&ann.create_group("Fun", &["bob"]).await.expect(201));
    for hidden in [
        "A\u{202e}nn",
        "An\u{200b}n",
        "An\u{200d}n",
        "A\nnn",
        "\u{2800}",
        "\u{301}",
    ] {
        let name = json!({ "display_name": hidden });
        breaks(
            ann.patch("/v1/users/me", name).await,
            "display_name",
            "characters",
        );
        breaks(
            ann.create_group(hidden, &["bob"]).await,
            "name",
            "characters",
        );
        let login = json!({ "login": "ann", "password": PASSWORD, "device": hidden });
        breaks(
            ann.post("/v1/auth/login", login).await,
            "device",
            "characters",
        );
        let name: String = hidden.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let path = format!("/v1/chats/{chat}/attachments?name={name}");
        let file = Some(("text/plain", b"x".to_vec()));
        breaks(
            ann.raw(Method::POST, &path, file, &[]).await.0,
            "name",
            "characters",
        );
        let message = json!({ "attachments": [{ "hash": "x", "name": hidden }] });
        breaks(
            ann.post(&format!("/v1/chats/{chat}/messages"), message)
                .await,
            "attachments",
            "characters",
        );
        breaks(
            ann.patch(&format!("/v1/chats/{group}"), json!({ "name": hidden }))
                .await,
            "name",
            "characters",
        );
        let register = json!({
            "username": "zoe", "email": "zoe@example.org", "password": PASSWORD,
            "display_name": hidden, "device": hidden,
        });
        let answer = ann.post("/v1/auth/register", register).await;
        let problem = answer.expect_problem(422, "invalid");
        let fields = problem["errors"].as_array().expect("errors").iter();
        let fields: Vec<_> = fields.map(|error| error["field"].clone()).collect();
        assert_eq!(fields, ["display_name", "device"], "{hidden:?}");
    }
    all_names_are_kept_in_one_form(&api, &mut ann, &chat).await;
    for pretends in [
        "admin",
        "Adm1n",
        "carrier.support",
        "r00t_",
        "aclmin",
        "007.root",
    ] {
        let register = json!({
            "username": pretends, "email": "eve@example.org", "password": PASSWORD,
        });
        breaks(
            ann.post("/v1/auth/register", register).await,
            "username",
            "reserved",
        );
        breaks(
            ann.change_names(json!({ "username": pretends })).await,
            "username",
            "reserved",
        );
    }
    // An account of before keeps its name, whatever else it changes.
    stack.person("admin").await;
    let mut admin = api.client();
    admin.login("admin").await;
    let same = json!({ "username": "admin", "bio": "I was first" });
    admin.patch("/v1/users/me", same).await.expect(200);
    for blank in [" ", "\u{200b}", "\u{2800}\n"] {
        breaks(ann.send(&chat, blank).await, "body", "characters");
    }
    let sent = ann.send(&chat, "seen").await.expect(201);
    let path = format!("/v1/chats/{chat}/messages/{}", sent["id"]);
    breaks(
        ann.patch(&path, json!({ "body": " " })).await,
        "body",
        "characters",
    );
    let file = Some(("text/plain", b"x".to_vec()));
    let upload = format!("/v1/chats/{chat}/attachments?name=x");
    let file = ann
        .raw(Method::POST, &upload, file, &[])
        .await
        .0
        .expect(201);
    let message = json!({ "body": "", "attachments": [file] });
    let path = format!("/v1/chats/{chat}/messages");
    ann.post(&path, message).await.expect(201);
    api.stop().await;
}

/// Gives a name to everything that has one: letters and marks apart, and kept together.
async fn all_names_are_kept_in_one_form(api: &Api, ann: &mut Client, chat: &str) {
    let (apart, together) = (" Zoe\u{308} \u{2764}\u{fe0f} ", "Zo\u{eb} \u{2764}\u{fe0f}");
    let me = json!({ "display_name": apart });
    let me = ann.patch("/v1/users/me", me).await.expect(200);
    assert_eq!(me["display_name"], together);
    let group = ann.create_group(apart, &["bob"]).await.expect(201);
    assert_eq!(group["name"], together);
    let path = format!("/v1/chats/{}", id_of(&group));
    ann.patch(&path, json!({ "name": "x" })).await.expect(200);
    let renamed = ann.patch(&path, json!({ "name": apart })).await.expect(200);
    assert_eq!(renamed["name"], together);

    let zoe = json!({
        "username": "zoe", "email": "zoe@example.org", "password": PASSWORD,
        "display_name": apart, "device": apart,
    });
    let opened = api
        .client()
        .post("/v1/auth/register", zoe)
        .await
        .expect(201);
    assert_eq!(opened["user"]["display_name"], together);
    let login = json!({ "login": "zoe", "password": PASSWORD, "device": apart });
    let opened = api.client().post("/v1/auth/login", login).await.expect(200);
    let mut zoe = api.client();
    zoe.token = opened["token"].as_str().map(str::to_owned);
    let sessions = zoe.get("/v1/auth/sessions").await.expect(200);
    let sessions = sessions["items"].as_array().expect("items").clone();
    let devices: Vec<_> = sessions.iter().map(|session| &session["device"]).collect();
    assert_eq!(devices, [together; 2]);

    let name: String = apart.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let upload = format!("/v1/chats/{chat}/attachments?name={name}");
    let file = Some(("text/plain", b"x".to_vec()));
    let mut file = ann
        .raw(Method::POST, &upload, file, &[])
        .await
        .0
        .expect(201);
    assert_eq!(file["name"], together);
    file["name"] = apart.into();
    let messages = format!("/v1/chats/{chat}/messages");
    let message = json!({ "attachments": [file] });
    let sent = ann.post(&messages, message).await.expect(201);
    assert_eq!(sent["attachments"][0]["name"], together);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_is_told_what_it_may_do_with_each_answer() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let ann = api.register("ann").await;
    let nobody = api.client();
    let paths = [
        "/v1/users/me",
        "/v1/nothing",
        "/readyz",
        "/docs",
        "/",
        "/openapi.json",
    ];
    for (path, client) in paths
        .iter()
        .flat_map(|path| [(path, &ann), (path, &nobody)])
    {
        let answer = client.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(
            !policy.contains("script-src 'unsafe-inline'"),
            "{path}: {policy}"
        );
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let kept = answer.header("cache-control");
        assert_eq!(
            kept == "no-store",
            !["/docs", "/", "/openapi.json"].contains(path),
            "{path}"
        );
    }
    let docs = nobody.get("/docs").await;
    let policy = docs.header("content-security-policy");
    assert_eq!(
        policy.matches("'sha256-").count(),
        2,
        "one for each script: {policy}"
    );

    let logged_out = ann.post("/v1/auth/logout", json!(null)).await;
    assert_eq!(logged_out.header("clear-site-data"), r#""cache""#);
    assert_eq!(logged_out.expect(204), Value::Null);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cookie_is_secure_by_its_setting_and_opens_sockets_of_our_own_page_alone() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let plain = start(&stack, |config| config.cookie_secure = false).await;
    let ann = api.register("ann").await;
    let body = json!({ "login": "ann", "password": PASSWORD });
    for host in ["localhost:8080", "127.0.0.1", "chat.example"] {
        for (api, is_secure) in [(&api, true), (&plain, false)] {
            let client = api.client().with_header("host", host);
            let answer = client.post("/v1/auth/login", body.clone()).await;
            let cookie = answer.header("set-cookie");
            assert_eq!(cookie.ends_with("; Secure"), is_secure, "{host}: {cookie}");
            answer.expect(200);
        }
    }
    let nobody = api.client();
    let cookie = format!("carrier_session={}", ann.token.as_deref().expect("a token"));
    let mut other = Listener::socket(&nobody, "", &[("cookie", &cookie)]).await;
    other.expect("session.revoked").await;
    assert_eq!(other.next().await, None);
    assert_eq!(other.closed, Some(4401));
    let (answer, _) = nobody
        .raw(Method::GET, "/v1/events", None, &[("cookie", &cookie)])
        .await;
    answer.expect_problem(401, "unauthorized");
    let own = [
        ("cookie", cookie.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    let mut page = Listener::socket(&nobody, "", &own).await;
    page.expect("hello").await;
    api.stop().await;
    plain.stop().await;
}

const PLACE: &[u8] = b"51.4779 N, 0.0015 W";

/// A JPEG that is to be turned, and that tells where it was taken.
fn photo() -> Vec<u8> {
    let entry = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
    let exif = [&b"MM\0*\0\0\0\x08\0\x01"[..], &entry, PLACE].concat();
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut bytes);
    image::ImageEncoder::set_exif_metadata(&mut encoder, exif).expect("EXIF");
    let picture = image::RgbImage::from_fn(60, 40, |x, y| image::Rgb([x as u8, y as u8, 9]));
    encoder.encode_image(&picture).expect("a JPEG");
    bytes
}

fn tells(bytes: &[u8]) -> bool {
    bytes.windows(PLACE.len()).any(|window| window == PLACE)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_does_not_tell_where_it_was_taken() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let keeping = start(&stack, |config| config.keep_photo_metadata = true).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    assert!(tells(&photo()));
    for (api, keeps) in [(&api, false), (&keeping, true)] {
        let ann = ann.at(&api.url);
        let path = format!("/v1/chats/{chat}/attachments");
        let upload = format!("{path}?name=me.jpg");
        let file = ann
            .raw(Method::POST, &upload, Some(("image/jpeg", photo())), &[])
            .await;
        let file = file.0.expect(201);
        assert_eq!(file["metadata_removed"], !keeps);
        assert_eq!(
            (&file["width"], &file["height"]),
            (&json!(40), &json!(60)),
            "it is turned"
        );
        let message = json!({ "attachments": [file] });
        ann.post(&format!("/v1/chats/{chat}/messages"), message)
            .await
            .expect(201);
        let path = format!("{path}/{}", file["hash"].as_str().expect("a hash"));
        let (answer, came) = bob.raw(Method::GET, &path, None, &[]).await;
        assert_eq!((answer.status, tells(&came)), (200, keeps));
        assert_eq!(answer.header("vary"), "authorization, cookie");
        let pixels = |bytes: &[u8]| image::load_from_memory(bytes).expect("a picture");
        assert_eq!(pixels(&came), pixels(&photo()), "the pixels are untouched");
        // What cannot be removed is in no picture that anybody is shown.
        let tiff = [&b"II*\0\x08\0\0\0\0\0\0\0"[..], PLACE].concat();
        let file = Some(("image/tiff", tiff));
        let (file, _) = ann.raw(Method::POST, &upload, file, &[]).await;
        let file = file.expect(201);
        assert_eq!(file["content_type"], "application/octet-stream");
        assert_eq!(file["metadata_removed"], false);
    }
    api.stop().await;
    keeping.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_logged_with_account_and_address() {
    let stack = Stack::start(Sql::Sqlite).await;
    let mut env = stack.env();
    for (name, value) in [
        ("CARRIER_TRUSTED_PROXIES", "127.0.0.1"),
        ("CARRIER_LIMIT_LOGIN", "2/1h"),
        ("CARRIER_LIMIT_SEND", "1/1h"),
    ] {
        env.retain(|(other, _)| other != name);
        env.push((name.to_owned(), value.to_owned()));
    }
    let api = e2e::process("api", &env).await;
    let (ann, bob) = (
        Client::register(api.url(), "ann").await,
        Client::register(api.url(), "bob").await,
    );
    let group = id_of(&ann.create_group("Fun", &["bob"]).await.expect(201));
    let secret = "guessed-password";
    let login = async |name: &str| {
        let client = Client::new(api.url()).with_header("x-forwarded-for", "198.51.100.7");
        client
            .post(
                "/v1/auth/login",
                json!({ "login": name, "password": secret }),
            )
            .await
    };
    login("ann").await.expect_problem(401, "wrong_login");
    login("no-such-name")
        .await
        .expect_problem(401, "wrong_login");
    login("ann").await.expect_problem(401, "wrong_login");
    login("ann").await.expect_problem(429, "rate_limited");
    let bob_elsewhere = bob.with_header("x-forwarded-for", "203.0.113.9");
    bob_elsewhere
        .patch(&format!("/v1/chats/{group}"), json!({ "name": "Mine" }))
        .await
        .expect_problem(403, "role_too_low");
    let erase = json!({ "password": secret });
    breaks(
        bob_elsewhere.post("/v1/users/me/erase", erase).await,
        "password",
        "wrong",
    );
    // Over a socket too: a command, and one connection too many.
    let from = [("x-forwarded-for", "192.0.2.44")];
    let mut sockets = Vec::new();
    for _ in 0..64 {
        let mut socket = Listener::socket(&bob_elsewhere, "", &from).await;
        socket.expect("hello").await;
        sockets.push(socket);
    }
    let send = json!({ "type": "send", "chat_id": group, "message": { "body": "x" } });
    assert_eq!(sockets[0].ask(send.clone()).await["type"], "ack");
    assert_eq!(sockets[0].ask(send).await["type"], "error");
    let others = [("x-forwarded-for", "192.0.2.55")];
    let mut refused = Listener::socket(&bob_elsewhere, "", &others).await;
    assert_eq!(refused.next().await, None);
    assert_eq!(refused.closed, Some(4429));
    let wanted = [
        ["rate_limited", bob.id.as_str(), "192.0.2.44"],
        ["rate_limited", bob.id.as_str(), "192.0.2.55"],
        ["wrong_login", ann.id.as_str(), "198.51.100.7"],
        ["wrong_login", "none", "198.51.100.7"],
        ["rate_limited", "ann", "198.51.100.7"],
        ["role_too_low", bob.id.as_str(), "203.0.113.9"],
        ["invalid", bob.id.as_str(), "203.0.113.9"],
    ];
    let all = async || {
        let log = api.log();
        let has = |words: &[&str; 3]| {
            let mut lines = log.lines().filter(|line| line.contains("refused"));
            lines.any(|line| words.iter().all(|word| line.contains(word)))
        };
        wanted.iter().all(has)
    };
    eventually(SOON, "every refusal is logged", all).await;
    assert!(!api.log().contains(secret) && !api.log().contains("no-such-name"));
    assert_eq!(api.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_on_the_machine_reads_the_data_folder() {
    let data = Keeper::folder("data");
    let rights = |name: &str| {
        let found = std::fs::metadata(data.join(name)).expect("it is there");
        found.permissions().mode() & 0o777
    };
    let open = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&data, mode).expect("it is ours");
    };
    open(0o755);
    let env = [("CARRIER_DATA_DIR".to_owned(), data.display().to_string())];
    let carrier = Process::new("", &env);
    for _ in 0..2 {
        carrier.start();
        let ready = async || carrier.log().contains("Carrier is ready");
        eventually(SOON, "carrier is ready", ready).await;
        let folders = ["", "redis", "redis/appendonlydir", "files"];
        assert_eq!(folders.map(rights), [0o700; 4]);
        assert_eq!(["carrier.db", "redis/redis.log"].map(rights), [0o600; 2]);
        assert_eq!(carrier.stop().await, 0);
        // As an earlier version left it.
        open(0o755);
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(data.join("carrier.db"), mode).expect("it is ours");
    }
    std::fs::remove_dir_all(&data).expect("it is ours");
}
