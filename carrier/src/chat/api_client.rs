//! The calls of the HTTP API.

use anyhow::{Context, Result, anyhow, bail};
use model::{Account, ChatId, ChatView, Message, Profile, ServerEvent, Tick, UserId};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

/// A client of an API, with a session.
#[derive(Clone)]
pub(super) struct ApiClient {
    http: reqwest::Client,
    base: Url,
    token: String,
    pub(super) me: Account,
}

/// The changes since a cursor.
pub(super) struct Changes {
    pub(super) events: Vec<ServerEvent>,
    /// The cursor after these changes.
    pub(super) cursor: String,
    /// True when changes are missing that the API could not read now.
    pub(super) partial: bool,
    /// True when there are more changes already.
    pub(super) more: bool,
}

impl ApiClient {
    /// Logs in, or registers the account first.
    pub(super) async fn log_in(
        base: Url,
        login: &str,
        password: &str,
        register: bool,
    ) -> Result<Self> {
        let http = reqwest::Client::new();
        let device = "carrier chat";
        let (path, body) = match register {
            true => {
                let email = format!(
                    "{login}@{}",
                    base.host_str()
                        .filter(|host| host.contains('.') && !host.ends_with(char::is_numeric))
                        .unwrap_or("example.org")
                );
                (
                    "/v1/auth/register",
                    json!({
                        "username": login,
                        "email": email,
                        "password": password,
                        "device": device,
                    }),
                )
            }
            false => (
                "/v1/auth/login",
                json!({ "login": login, "password": password, "device": device }),
            ),
        };
        let answer = ask(http.post(base.join(path)?).json(&body)).await?;
        let token = answer["token"]
            .as_str()
            .context("the API answered without a token")?
            .to_owned();
        Ok(Self {
            http,
            base,
            token,
            me: read(answer["user"].clone())?,
        })
    }

    /// Ends the session.
    pub(super) async fn log_out(&self) -> Result<()> {
        self.ask(Method::POST, "/v1/auth/logout", None)
            .await
            .map(drop)
    }

    /// Returns the present cursor.
    pub(super) async fn cursor(&self) -> Result<String> {
        let answer = self.ask(Method::GET, "/v1/sync", None).await?;
        Ok(answer["cursor"]
            .as_str()
            .context("the API answered without a cursor")?
            .to_owned())
    }

    /// Returns the changes since a cursor.
    pub(super) async fn sync(&self, since: &str) -> Result<Changes> {
        let mut answer = self
            .ask(Method::GET, &format!("/v1/sync?since={since}"), None)
            .await?;
        let cursor = answer["cursor"]
            .as_str()
            .context("the API answered without a cursor")?
            .to_owned();
        let (more, partial) = (answer["more"] == true, answer["partial"] == true);
        Ok(Changes {
            events: read(answer["changes"].take())?,
            cursor,
            partial,
            more,
        })
    }

    /// Lists all chats of the user.
    pub(super) async fn chats(&self) -> Result<Vec<ChatView>> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let mut page = self
                .ask(Method::GET, &format!("/v1/chats?limit=100{cursor}"), None)
                .await?;
            all.extend(read::<Vec<ChatView>>(page["items"].take())?);
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// Creates a chat.
    pub(super) async fn create(&self, chat: &Value) -> Result<ChatView> {
        read(self.ask(Method::POST, "/v1/chats", Some(chat)).await?)
    }

    /// Returns the profiles of users.
    pub(super) async fn people(&self, ids: &[UserId]) -> Result<Vec<Profile>> {
        let mut found = Vec::new();
        for some in ids.chunks(100) {
            let ids = some
                .iter()
                .map(UserId::to_string)
                .collect::<Vec<_>>()
                .join(",");
            let mut page = self
                .ask(Method::GET, &format!("/v1/users?ids={ids}"), None)
                .await?;
            found.extend(read::<Vec<Profile>>(page["items"].take())?);
        }
        Ok(found)
    }

    /// Returns messages, the oldest first: the newest ones, or the ones before a message.
    pub(super) async fn page(
        &self,
        chat: ChatId,
        before: Option<Tick>,
        limit: usize,
    ) -> Result<Vec<Message>> {
        let before = before.map(|id| format!("&before={id}")).unwrap_or_default();
        let mut page = self
            .ask(
                Method::GET,
                &format!("/v1/chats/{chat}/messages?limit={limit}{before}"),
                None,
            )
            .await?;
        read(page["items"].take())
    }

    /// Searches the messages of all chats.
    pub(super) async fn search(&self, words: &str) -> Result<Vec<Message>> {
        let mut url = self.base.join("/v1/search")?;
        url.query_pairs_mut().append_pair("q", words);
        let mut hits = ask(self.http.get(url).bearer_auth(&self.token)).await?;
        let hits = hits["items"]
            .as_array_mut()
            .context("the API answered without hits")?;
        hits.iter_mut()
            .map(|hit| read(hit["message"].take()))
            .collect()
    }

    /// Returns the URL of the WebSocket, and the token that opens it.
    pub(super) fn socket(&self, since: &str) -> Result<(Url, &str)> {
        let mut url = self.base.join(&format!("/v1/socket?since={since}"))?;
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        url.set_scheme(scheme)
            .map_err(|()| anyhow!("{url} is not the address of an API"))?;
        Ok((url, &self.token))
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut request = self
            .http
            .request(method, self.base.join(path)?)
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        ask(request).await
    }
}

/// Sends a request, and returns the JSON of the answer. A problem becomes an error with its detail.
async fn ask(request: reqwest::RequestBuilder) -> Result<Value> {
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() {
        return Ok(json);
    }
    bail!(
        "{}",
        json["detail"]
            .as_str()
            .map_or_else(|| format!("the API answered {status}"), str::to_owned)
    )
}

fn read<T: DeserializeOwned>(json: Value) -> Result<T> {
    serde_json::from_value(json).context("the API answered what this client cannot read")
}
