//! The invariants, and what must happen somewhere.

use stateright::Property;

use super::{
    History,
    state::{Reader, Row, State},
};

impl History {
    /// Returns what must hold in every state, and what must happen in some.
    pub(super) fn all_properties(&self) -> Vec<Property<Self>> {
        let mut all = vec![
            Property::always(
                "every acknowledged change is in Redis or in SQL, and is the newest there",
                |_: &Self, state: &State| {
                    state
                        .acked
                        .iter()
                        .all(|row| state.newest(row.id) == Some(*row))
                },
            ),
            Property::always(
                "SQL has nothing that Redis could still forget",
                |_, state: &State| {
                    let Some((_, acked)) = &state.disk else {
                        return true;
                    };
                    state.sql.rows.iter().all(|row| {
                        state.sql.deleted
                            || acked
                                .iter()
                                .any(|known| known.id == row.id && known.rev >= row.rev)
                    })
                },
            ),
            Property::always(
                "what Redis has and does not call dirty is in SQL",
                |_, state: &State| {
                    let Some(hot) = &state.redis.hot else {
                        return true;
                    };
                    let saved = |row: &Row| {
                        state
                            .sql
                            .rows
                            .iter()
                            .any(|saved| saved.id == row.id && saved.rev >= row.rev)
                    };
                    hot.rows
                        .iter()
                        .all(|row| hot.dirty.iter().any(|(id, _)| *id == row.id) || saved(row))
                },
            ),
            Property::always(
                "no edit is made of what was not the newest",
                |_, state: &State| !state.lost_update,
            ),
            Property::always(
                "the list is in order and has no hole",
                |_, state: &State| {
                    let Some(hot) = &state.redis.hot else {
                        return true;
                    };
                    let oldest = hot.list.first().copied().unwrap_or(u8::MAX);
                    hot.list.is_sorted()
                        && state
                            .acked
                            .iter()
                            .all(|row| row.id < oldest || hot.list.contains(&row.id))
                },
            ),
            Property::always("a resident chat is due", |_, state: &State| {
                state.redis.hot.as_ref().is_none_or(|hot| hot.due)
            }),
            Property::always(
                "a reader sees what was acknowledged before",
                |_, state: &State| state.reader != Reader::Misled,
            ),
            Property::always("nothing is sent twice", |_, state: &State| !state.doubled),
            Property::always("nothing is left of a deleted chat", |_, state: &State| {
                let clean = state
                    .redis
                    .hot
                    .as_ref()
                    .is_none_or(|hot| hot.row_dirty == 0);
                !(state.sql.deleted && clean) || state.sql.rows.is_empty()
            }),
            Property::sometimes(
                "a chat is evicted with all it has",
                |model: &Self, state: &State| {
                    state.redis.hot.is_none() && state.sent == model.messages
                },
            ),
        ];
        if self.hydrators > 0 {
            all.push(Property::sometimes(
                "a chat comes back and is written in again",
                |_, state: &State| {
                    state.redis.hot.as_ref().is_some_and(|hot| {
                        hot.rows.len() < state.acked.len() && !hot.dirty.is_empty()
                    })
                },
            ));
        }
        if self.editors > 0 && self.edits > 0 {
            all.push(Property::sometimes(
                "what was only in SQL is edited",
                |_, state: &State| {
                    state.redis.hot.as_ref().is_some_and(|hot| {
                        hot.rows
                            .iter()
                            .any(|row| row.id < hot.list.first().copied().unwrap_or(0))
                    })
                },
            ));
        }
        if self.power_cuts > 0 {
            all.push(Property::sometimes(
                "a power cut takes something",
                |_, state: &State| {
                    state.cuts == 0 && state.acked.len() < usize::from(state.changes)
                },
            ));
        }
        if self.deletes_chat {
            all.push(Property::sometimes(
                "a chat is deleted",
                |_, state: &State| state.sql.deleted && state.redis.hot.is_none(),
            ));
        }
        all
    }
}
