//! A client of the API, over HTTP.

use std::time::Duration;

use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};

/// The password of every user of the tests.
pub const PASSWORD: &str = "a long enough password";

/// An answer of the API.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body; `Null` when there is none, or it is not JSON.
    pub json: Value,
}

impl Answer {
    /// Returns the body if the status is this one, and panics otherwise.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "the API answered: {}", self.text);
        self.json
    }

    /// Returns a header; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Asserts a problem with this status and code, in the form that all have.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Value {
        let kind = self.header("content-type").to_owned();
        let problem = self.expect(status);
        assert!(
            kind.starts_with("application/problem+json"),
            "a problem has the content type {kind:?}"
        );
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        problem
    }
}

/// A user at an API, anonymous until they register or log in. A clone is a second window of the
/// same session.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    /// The URL of the API, as `http://127.0.0.1:8080`.
    pub base: String,
    /// The session's token.
    pub token: Option<String>,
    /// The user's id.
    pub id: String,
}

/// The longest time for which an answer may be waited for: what takes longer hangs, and the test
/// should say where.
const PATIENCE: Duration = Duration::from_secs(300);

/// Returns an HTTP client. Since `files` has reqwest speak TLS, reqwest asks for a provider even
/// for plain HTTP.
fn http(headers: HeaderMap) -> reqwest::Client {
    files::install_tls();
    let client = reqwest::Client::builder()
        .default_headers(headers)
        .timeout(PATIENCE);
    client.build().expect("a client")
}

impl Client {
    /// Returns an anonymous client of the API at this URL.
    pub fn new(base: impl Into<String>) -> Self {
        Self {
            http: http(HeaderMap::new()),
            base: base.into(),
            token: None,
            id: String::new(),
        }
    }

    /// Returns the same person and session at another API.
    pub fn at(&self, base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            http: http(HeaderMap::new()),
            ..self.clone()
        }
    }

    /// Returns the same person and session, with this header added to each request.
    pub fn with_header(&self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a value of a header");
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value)]);
        Self {
            http: http(headers),
            ..self.clone()
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// Fails when there is no whole answer.
    pub async fn try_request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer {
            status,
            headers,
            text,
            json,
        })
    }

    /// Sends a request, and panics when there is no whole answer.
    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.try_request(method, path, body)
            .await
            .expect("the API answers")
    }

    /// Sends a request, and reads no more of its answer than the head.
    pub async fn open(&self, method: Method, path: &str) -> reqwest::Response {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request.send().await.expect("the API answers")
    }

    /// Returns the head of an answer that may have no end, or all of one that is a problem.
    pub async fn head_of(&self, method: Method, path: &str) -> Answer {
        let response = self.open(method, path).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = if status == 200 {
            String::new()
        } else {
            response.text().await.expect("the API answers")
        };
        let json = serde_json::from_str(&text).unwrap_or_default();
        Answer {
            status,
            headers,
            text,
            json,
        }
    }

    /// Sends bytes of this type with these headers; returns the answer, and its bytes beside it.
    pub async fn raw(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
        headers: &[(&'static str, &str)],
    ) -> (Answer, Vec<u8>) {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some((kind, bytes)) = body {
            request = request.header("content-type", kind).body(bytes);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("the API answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.expect("the API answers").to_vec();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_str(&text).unwrap_or_default();
        (
            Answer {
                status,
                headers,
                text,
                json,
            },
            bytes,
        )
    }

    /// Sends a GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, None).await
    }

    /// Sends a POST.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.request(Method::POST, path, Some(&body)).await
    }

    /// Sends a PUT.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.request(Method::PUT, path, Some(&body)).await
    }

    /// Sends a PATCH.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.request(Method::PATCH, path, Some(&body)).await
    }

    /// Sends a DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, None).await
    }

    /// Makes an account, and returns its client.
    pub async fn register(base: impl Into<String>, username: &str) -> Self {
        let mut client = Self::new(base);
        let email = format!("{username}@example.org");
        let answer = client
            .post(
                "/v1/auth/register",
                json!({ "username": username, "email": email, "password": PASSWORD }),
            )
            .await;
        client.enter(&answer.expect(201));
        client
    }

    /// Logs in; later requests carry the new session.
    pub async fn login(&mut self, login: &str) {
        let answer = self
            .post(
                "/v1/auth/login",
                json!({ "login": login, "password": PASSWORD }),
            )
            .await;
        self.enter(&answer.expect(200));
    }

    /// Changes the username or the e-mail address, as `{"username": "anna"}`, with the password;
    /// later requests carry the session that the answer opens.
    pub async fn change_names(&mut self, mut change: Value) -> Answer {
        change["current_password"] = PASSWORD.into();
        let answer = self.patch("/v1/users/me", change).await;
        if let Some(token) = answer.json["token"].as_str() {
            self.token = Some(token.to_owned());
        }
        answer
    }

    /// Changes the password; later requests carry the session that the answer opens.
    pub async fn change_password(&mut self, current: &str, new: &str) -> Answer {
        let body = json!({ "current_password": current, "new_password": new });
        let answer = self.put("/v1/users/me/password", body).await;
        if let Some(token) = answer.json["token"].as_str() {
            self.token = Some(token.to_owned());
        }
        answer
    }

    /// Logs out. The token is kept, to try it.
    pub async fn logout(&self) {
        self.request(Method::POST, "/v1/auth/logout", None)
            .await
            .expect(204);
    }

    fn enter(&mut self, answer: &Value) {
        self.token = answer["token"].as_str().map(str::to_owned);
        self.id = id_of(&answer["user"]);
    }

    /// Returns every chat, over all pages.
    pub async fn chats(&self) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let query = cursor
                .map(|cursor| format!("?cursor={cursor}"))
                .unwrap_or_default();
            let mut page = self.get(&format!("/v1/chats{query}")).await.expect(200);
            all.append(page["items"].as_array_mut().expect("a list has items"));
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return all,
            }
        }
    }

    /// Reads a chat.
    pub async fn chat(&self, chat: &str) -> Answer {
        self.get(&format!("/v1/chats/{chat}")).await
    }

    /// Opens the direct chat with a user id, username or e-mail address.
    pub async fn create_direct(&self, peer: &str) -> Answer {
        self.post("/v1/chats", json!({ "kind": "direct", "members": [peer] }))
            .await
    }

    /// Makes a group.
    pub async fn create_group(&self, name: &str, members: &[&str]) -> Answer {
        self.post(
            "/v1/chats",
            json!({ "kind": "group", "name": name, "members": members }),
        )
        .await
    }

    /// Sends a text.
    pub async fn send(&self, chat: &str, body: &str) -> Answer {
        self.post(
            &format!("/v1/chats/{chat}/messages"),
            json!({ "body": body }),
        )
        .await
    }

    /// Sends a text under an idempotency key.
    ///
    /// # Errors
    /// As [`Client::try_request`].
    pub async fn try_send(
        &self,
        chat: &str,
        body: &str,
        client_id: &str,
    ) -> reqwest::Result<Answer> {
        let body = json!({ "body": body, "client_id": client_id });
        self.try_request(
            Method::POST,
            &format!("/v1/chats/{chat}/messages"),
            Some(&body),
        )
        .await
    }

    /// Reads a page of messages; `query` as `before=5&limit=20`, or empty for the newest.
    pub async fn page(&self, chat: &str, query: &str) -> Answer {
        self.get(&format!("/v1/chats/{chat}/messages?{query}"))
            .await
    }

    /// Returns a chat's whole history, oldest first: paged backwards from the newest message, or
    /// forwards from the first.
    pub async fn history(&self, chat: &str, limit: usize, forwards: bool) -> Vec<Value> {
        let (mut all, mut place) = (
            Vec::new(),
            if forwards {
                "after=1&".to_owned()
            } else {
                String::new()
            },
        );
        loop {
            let page = self
                .page(chat, &format!("{place}limit={limit}"))
                .await
                .expect(200);
            let items = page["items"].as_array().expect("a page has items").clone();
            assert!(items.len() <= limit, "a page is longer than was asked for");
            let (beside, word) = if forwards {
                ("next", "after")
            } else {
                ("prev", "before")
            };
            if forwards {
                all.extend(items);
            } else {
                all.splice(0..0, items);
            }
            match page[beside].as_i64() {
                Some(id) => place = format!("{word}={id}&"),
                None => return all,
            }
        }
    }

    /// Marks the chat as read up to this message.
    pub async fn read(&self, chat: &str, id: i64) -> Answer {
        self.put(&format!("/v1/chats/{chat}/receipts"), json!({ "read": id }))
            .await
    }

    /// Reads the members of a chat.
    pub async fn members(&self, chat: &str) -> Answer {
        self.get(&format!("/v1/chats/{chat}/members")).await
    }

    /// Adds a user to a group.
    pub async fn add_member(&self, chat: &str, user: &str) -> Answer {
        self.request(
            Method::PUT,
            &format!("/v1/chats/{chat}/members/{user}"),
            None,
        )
        .await
    }

    /// Removes a user from a group, or leaves it.
    pub async fn remove_member(&self, chat: &str, user: &str) -> Answer {
        self.delete(&format!("/v1/chats/{chat}/members/{user}"))
            .await
    }
}

fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("it has an id").to_owned()
}
