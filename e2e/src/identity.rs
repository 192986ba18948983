//! An identity provider: keys that sign tokens, and a server that answers with them, or badly.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RsaKeyPair, RsaPublicKeyComponents,
    },
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A key for tests alone: to make one takes seconds.
const RSA_KEY: &str = include_str!("rsa_key.txt");

/// A key that signs tokens.
pub struct SigningKey {
    /// The name of the key.
    pub kid: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Makes a key for this algorithm: `RS256`, `ES256` or `EdDSA`.
    pub fn new(kid: &str, algorithm: &str) -> Self {
        let random = SystemRandom::new();
        let pair = match algorithm {
            "RS256" => {
                let lines: String = RSA_KEY.split_whitespace().collect();
                let der = STANDARD.decode(lines).expect("base64");
                Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(&der).expect("a key")))
            }
            "ES256" => {
                let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let der = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("random bits");
                let pair = EcdsaKeyPair::from_pkcs8(kind, der.as_ref(), &random);
                Pair::P256(pair.expect("a key"))
            }
            _ => {
                let der = Ed25519KeyPair::generate_pkcs8(&random).expect("random bits");
                Pair::Ed25519(Ed25519KeyPair::from_pkcs8(der.as_ref()).expect("a key"))
            }
        };
        Self {
            kid: kid.to_owned(),
            pair,
        }
    }

    /// Returns the name of its algorithm.
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// Returns the public key, as a JWK.
    pub fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "n": text(&public.n), "e": text(&public.e) })
            }
            Pair::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (text(&point[1..33]), text(&point[33..]));
                json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
            }
            Pair::Ed25519(pair) => {
                let x = text(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.algorithm());
        jwk
    }

    /// Returns the public key in PEM; of P-256 alone.
    pub fn pem(&self) -> String {
        let Pair::P256(pair) = &self.pair else {
            panic!("PEM is made of P-256 alone")
        };
        // SubjectPublicKeyInfo of RFC 5480, up to the point.
        let head = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
        let mut der = STANDARD.decode(head).expect("base64");
        der.truncate(26);
        der.extend_from_slice(pair.public_key().as_ref());
        let body = STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    /// Signs some claims.
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "kid": self.kid, "typ": "JWT" });
        self.sign_as(&header, claims)
    }

    /// Signs some claims under another header.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.signature(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .expect("signed");
                signature
            }
            Pair::P256(pair) => pair
                .sign(&random, message)
                .expect("signed")
                .as_ref()
                .to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// Returns the other token that everybody can make of one that is signed with ES256, and which is
/// as valid: its signature is `(r, n - s)`.
pub fn twin(token: &str) -> String {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let (message, signature) = token.rsplit_once('.').expect("a token");
    let mut signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    let mut borrow = 0;
    for at in (0..32).rev() {
        let digit = i16::from_str_radix(&ORDER[2 * at..2 * at + 2], 16).expect("hex");
        let less = digit - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(less < 0);
        signature[32 + at] = less.rem_euclid(256) as u8;
    }
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The answer of a provider to who asks for its keys.
#[derive(Clone, Debug)]
pub enum Reply {
    /// The keys.
    Keys(Vec<Value>),
    /// A status and a text.
    Text(u16, String),
    /// A redirection to this URL.
    Elsewhere(String),
    /// An answer without an end.
    Endless,
    /// The head of an answer, and nothing after it.
    Silent,
    /// No answer at all.
    Down,
}

/// A server that answers with the keys of a provider.
pub struct IdentityProvider {
    /// The URL of the keys.
    pub url: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    reply: Arc<Mutex<Reply>>,
    asked: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl IdentityProvider {
    /// Starts a provider with these keys.
    pub async fn start(keys: &[&SigningKey]) -> Self {
        let keys = keys.iter().map(|key| key.jwk()).collect();
        Self::start_with(keys, None).await
    }

    /// Starts a provider that signs what anybody wants: `/token/SUBJECT/SECONDS` answers with a
    /// token that ends so much later.
    pub async fn start_signing(key: SigningKey) -> Self {
        Self::start_with(vec![key.jwk()], Some(key)).await
    }

    async fn start_with(keys: Vec<Value>, signer: Option<SigningKey>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let signer = Arc::new(signer.map(|key| (base.clone(), key)));
        let reply = Arc::new(Mutex::new(Reply::Keys(keys)));
        let (asked, sent) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (replies, count, bytes) = (reply.clone(), asked.clone(), sent.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let reply = replies.lock().expect("alone").clone();
                tokio::spawn(answer(stream, reply, signer.clone(), bytes.clone()));
            }
        });
        Self {
            url: format!("{base}/jwks"),
            issuer: base,
            reply,
            asked,
            sent,
            task,
        }
    }

    /// Has it answer so from now on.
    pub fn reply(&self, reply: Reply) {
        *self.reply.lock().expect("alone") = reply;
    }

    /// Has it answer with these keys from now on.
    pub fn rotate(&self, keys: &[&SigningKey]) {
        self.reply(Reply::Keys(keys.iter().map(|key| key.jwk()).collect()));
    }

    /// Returns how often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Returns how many bytes of an endless answer somebody took.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    /// Returns the claims of a token that was issued now, for an hour.
    pub fn claims(&self, subject: &str) -> Value {
        let now = seconds();
        json!({ "iss": self.issuer, "sub": subject, "iat": now, "exp": now + 3600 })
    }

    /// Returns the settings of an API that believes it, without limits.
    pub fn config(&self) -> api::Config {
        api::Config {
            jwks_url: Some(self.url.clone()),
            jwt_issuer: Some(self.issuer.clone()),
            ..api::Config::default().unlimited()
        }
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Returns the seconds since 1970.
fn seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("it is after 1970").as_secs()
}

/// Returns the token that a request wants.
fn token_for(request: &[u8], issuer: &str, key: &SigningKey) -> Option<String> {
    let request = String::from_utf8_lossy(request);
    let (_, rest) = request.split_once(" /token/")?;
    let (subject, rest) = rest.split_once('/')?;
    let life: i64 = rest.split(' ').next()?.parse().ok()?;
    let now = seconds() as i64;
    let (issued, ends) = (now.min(now + life - 60 * i64::from(life <= 0)), now + life);
    let claims = json!({ "iss": issuer, "sub": subject, "iat": issued, "exp": ends });
    Some(key.sign(&claims))
}

async fn answer(
    mut stream: TcpStream,
    reply: Reply,
    signer: Arc<Option<(String, SigningKey)>>,
    sent: Arc<AtomicUsize>,
) {
    if matches!(reply, Reply::Down) {
        return;
    }
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let head = |status: u16, more: &str| {
        format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{more}\r\n\r\n")
    };
    let whole = |status: u16, body: &str| {
        let more = format!("connection: close\r\ncontent-length: {}", body.len());
        head(status, &more) + body
    };
    let token = signer.as_ref().as_ref();
    let token = token.and_then(|(issuer, key)| token_for(&request, issuer, key));
    let reply = token.map_or(reply, |token| Reply::Text(200, token));
    let text = match &reply {
        Reply::Keys(keys) => whole(200, &json!({ "keys": keys }).to_string()),
        Reply::Text(status, text) => whole(*status, text),
        Reply::Elsewhere(url) => head(302, &format!("content-length: 0\r\nlocation: {url}")),
        Reply::Endless | Reply::Silent => head(200, "connection: close"),
        Reply::Down => return,
    };
    let mut written = stream.write_all(text.as_bytes()).await;
    while written.is_ok() && matches!(reply, Reply::Endless) {
        written = stream.write_all(&[b' '; 4096]).await;
        sent.fetch_add(4096, Ordering::SeqCst);
    }
    if matches!(reply, Reply::Silent) {
        let _ = stream.read_u8().await; // until the other side gives up
    }
}
