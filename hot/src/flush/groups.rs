//! The chats that one script may have: a script holds Redis up for all while it runs, so they are
//! few, with few rows. In a cluster they are of one slot.

use model::ChatId;

use crate::wire::Hot;

/// The most chats of a script.
const CHATS: usize = 16;
/// The number of rows from which on no other chat is added: of some 2 us each.
const ROWS: usize = 256;

impl Hot {
    /// Splits chats, in their order, into those of each script. `of` tells the chat, and how many
    /// of its rows the script has to do with.
    pub fn groups_of_chats<T>(
        &self,
        chats: impl IntoIterator<Item = T>,
        of: impl Fn(&T) -> (ChatId, usize),
    ) -> Vec<Vec<T>> {
        groups(self.is_cluster(), chats, of)
    }
}

fn groups<T>(
    by_slot: bool,
    chats: impl IntoIterator<Item = T>,
    of: impl Fn(&T) -> (ChatId, usize),
) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    let (mut slot, mut sum) = (None, 0);
    for one in chats {
        let (chat, rows) = of(&one);
        let of_one = by_slot.then(|| chat.partition());
        sum += rows;
        match groups.last_mut() {
            Some(last) if last.len() < CHATS && sum <= ROWS && slot == of_one => last.push(one),
            _ => {
                groups.push(vec![one]);
                (slot, sum) = (of_one, rows);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(by_slot: bool, chats: &[(ChatId, usize)]) -> Vec<usize> {
        let groups = groups(by_slot, chats.to_vec(), |chat| *chat);
        assert_eq!(groups.concat(), chats);
        groups.iter().map(Vec::len).collect()
    }

    #[test]
    fn a_script_has_few_chats_and_few_rows_or_one_chat() {
        let of = |rows: &[usize]| {
            let chats = rows.iter().map(|rows| (ChatId::new(), *rows));
            sizes(false, &chats.collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), [0; 0]);
        assert_eq!(of(&[1; 40]), [16, 16, 8]);
        assert_eq!(of(&[100, 156, 1, 512, 1, 255]), [2, 1, 1, 2]);
    }

    #[test]
    fn a_script_of_a_cluster_has_chats_of_one_slot() {
        let mut chats: Vec<_> = (0..2000).map(|_| (ChatId::new(), 1)).collect();
        chats.sort_by_key(|(chat, _)| chat.partition());
        let groups = groups(true, chats.clone(), |chat| *chat);
        for group in &groups {
            let (first, _) = group[0];
            let is_there = |(chat, _): &(ChatId, usize)| chat.partition() == first.partition();
            assert!(group.iter().all(is_there));
        }
        assert!(groups.len() < 2000 / 4, "{}", groups.len());
        sizes(true, &chats);
    }
}
