//! The requests that are measured, one row each.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::Tick;

use super::{
    load::Work,
    scene::{COMMON_WORD, Direct, Scene, send, text},
};
use crate::http::Request;

/// The chats of a user who has few.
pub(crate) const FEW: usize = 20;
/// The chats of a user who has many.
pub(crate) const MANY: usize = 3000;
/// The members of a group.
pub(crate) const GROUP: usize = 1000;

/// The deployment that a row is measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A Redis that calls fsync `always`, few messages, and a user of [`FEW`] chats.
    Small,
    /// A Redis that calls fsync `everysec`, all messages, and a user of [`MANY`] chats.
    Large,
}

/// A bound on how much more a row costs than one on less.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Law {
    /// The row on less.
    pub(crate) than: &'static str,
    /// The most times of its CPU.
    pub(crate) bound: f64,
}

/// A row: what is asked, where, and by how many connections at once.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    /// The most connections. What takes long is asked by few: the queue would be measured.
    pub(crate) connections: usize,
    /// The number of items of an answer, where it has some.
    pub(crate) items: Option<usize>,
    /// True for one that costs by the chats that changed in the last two minutes: it is measured
    /// when those that filled the server are not among them.
    pub(crate) rested: bool,
    pub(crate) law: Option<Law>,
    pub(crate) work: fn(&Scene) -> Work,
}

/// A row for as many connections as there are.
const ROW: Kind = Kind {
    name: "",
    place: Place::Large,
    connections: usize::MAX,
    items: None,
    rested: false,
    law: None,
    work: |_| Work::Each(Vec::new()),
};

/// The rows, in the order in which they are measured.
pub(crate) const ROWS: &[Kind] = &[
    Kind {
        name: "send, always",
        place: Place::Small,
        work: sends,
        ..ROW
    },
    Kind {
        name: "send, everysec",
        work: sends,
        ..ROW
    },
    Kind {
        name: "page of 50, hot",
        items: Some(50),
        work: |scene| own(scene.histories(), Direct::messages),
        ..ROW
    },
    Kind {
        name: "page of 50, cold",
        items: Some(50),
        work: cold_pages,
        ..ROW
    },
    Kind {
        name: "GET /v1/users/me",
        work: |scene| own(scene.senders(), |_| "/v1/users/me".into()),
        ..ROW
    },
    Kind {
        name: "chat list of one chat",
        items: Some(1),
        work: |scene| own(scene.senders(), |_| "/v1/chats".into()),
        ..ROW
    },
    Kind {
        name: "chat list, first 20 of 20 chats",
        place: Place::Small,
        connections: 8,
        items: Some(FEW),
        work: |scene| busy(scene, "/v1/chats?limit=20"),
        ..ROW
    },
    Kind {
        name: "chat list, first 20 of 3,000 chats",
        rested: true,
        connections: 8,
        items: Some(FEW),
        // The answers are equally long, and the order is kept, so only finding the first may take
        // longer.
        law: Some(Law {
            than: "chat list, first 20 of 20 chats",
            bound: 2.0,
        }),
        work: |scene| busy(scene, "/v1/chats?limit=20"),
        ..ROW
    },
    Kind {
        name: "chat list, first page of 3,000 chats",
        rested: true,
        connections: 8,
        items: Some(50),
        work: |scene| busy(scene, "/v1/chats"),
        ..ROW
    },
    Kind {
        name: "chat list, the walk over 3,000 chats",
        rested: true,
        connections: 2,
        work: |scene| Work::Walk {
            path: "/v1/chats?limit=50".into(),
            token: scene.busy.token.clone(),
        },
        ..ROW
    },
    Kind {
        name: "sync since now, 20 chats",
        place: Place::Small,
        connections: 4,
        items: Some(0),
        work: sync,
        ..ROW
    },
    Kind {
        name: "sync since now, 3,000 chats",
        rested: true,
        connections: 4,
        items: Some(0),
        // A look at the clock of each chat may remain; a microsecond each is ten times the rest.
        law: Some(Law {
            than: "sync since now, 20 chats",
            bound: 10.0,
        }),
        work: sync,
        ..ROW
    },
    Kind {
        name: "search, a common word, few messages",
        place: Place::Small,
        connections: 4,
        items: Some(50),
        work: |scene| searches(scene.histories(), false),
        ..ROW
    },
    Kind {
        name: "search, a common word, all messages",
        connections: 4,
        items: Some(50),
        // The searcher's chat holds the same on both servers.
        law: Some(Law {
            than: "search, a common word, few messages",
            bound: 2.0,
        }),
        work: |scene| searches(scene.histories(), false),
        ..ROW
    },
    Kind {
        name: "search, a common word, chat_id",
        connections: 4,
        items: Some(50),
        work: |scene| searches(scene.histories(), true),
        ..ROW
    },
    Kind {
        name: "search, a common word, a stranger",
        connections: 4,
        items: Some(0),
        work: |scene| {
            let path = format!("/v1/search?q={COMMON_WORD}");
            Work::Each(vec![Request::get(&path, &scene.stranger.token)])
        },
        ..ROW
    },
    Kind {
        name: "send, a group of 1,000, nobody online",
        work: |scene| {
            let members = scene.members.iter().enumerate();
            Work::Each(
                members
                    .map(|(at, member)| send(&scene.group, member, text(at, None)))
                    .collect(),
            )
        },
        ..ROW
    },
];

/// Messages, each into a direct chat of the sender.
fn sends(scene: &Scene) -> Work {
    let sends = scene.senders().iter().enumerate();
    Work::Each(sends.map(|(at, direct)| direct.send(at)).collect())
}

/// A path for each chat, asked for by the first of its two.
fn own(directs: &[Direct], path: impl Fn(&Direct) -> String) -> Work {
    let get = |direct: &Direct| Request::get(&path(direct), &direct.people[0].token);
    Work::Each(directs.iter().map(get).collect())
}

/// A path, asked for by the user of many chats.
fn busy(scene: &Scene, path: &str) -> Work {
    Work::Each(vec![Request::get(path, &scene.busy.token)])
}

/// Pages of histories that are in SQL alone.
fn cold_pages(scene: &Scene) -> Work {
    let page = |(chat, message): &(usize, String)| {
        let direct = &scene.histories()[*chat];
        let path = format!("{}?before={message}", direct.messages());
        Request::get(&path, &direct.people[0].token)
    };
    Work::Each(scene.old.iter().map(page).collect())
}

/// The changes since now: none. A cursor of the API's own lies a minute back, where this bench
/// itself has made changes, so one of now is written as the API writes them.
fn sync(scene: &Scene) -> Work {
    let cursor = URL_SAFE_NO_PAD.encode(Tick::now().to_string());
    busy(scene, &format!("/v1/sync?since={cursor}"))
}

/// Searches for a word that each message of the searcher's one chat has.
fn searches(histories: &[Direct], in_chat: bool) -> Work {
    own(histories, |direct| {
        let chat = match in_chat {
            true => format!("&chat_id={}", direct.chat),
            false => String::new(),
        };
        format!("/v1/search?q={COMMON_WORD}{chat}")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_row_has_a_name_of_its_own_and_each_law_is_about_a_row() {
        let names: HashSet<_> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len());
        for row in ROWS {
            let law = row
                .law
                .map(|law| (names.contains(law.than), law.bound > 1.0));
            assert!(law.is_none_or(|good| good == (true, true)), "{}", row.name);
        }
    }
}
