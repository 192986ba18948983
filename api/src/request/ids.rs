//! Ids in paths and queries.

use model::{Tick, UserId};

use crate::{request::validate::MAX_IDS, response::problem::Problem};

/// Reads 1 to [`MAX_IDS`] ids of users with commas between them; `name` is that of the parameter.
///
/// # Errors
/// 400 when the text is anything else.
pub(crate) fn read_user_ids(name: &str, text: &str) -> Result<Vec<UserId>, Problem> {
    let ids = text
        .split(',')
        .map(str::parse)
        .collect::<Result<Vec<UserId>, _>>();
    ids.ok().filter(|ids| ids.len() <= MAX_IDS).ok_or_else(|| {
        Problem::malformed(format!(
            "{name} must be 1 to {MAX_IDS} UUIDs with commas between them"
        ))
    })
}

/// Returns the id of a message or the point in time that a parameter gives, or the zero tick for an
/// absent one.
///
/// # Errors
/// 400 unless it is positive, and below 2^53: a number in JavaScript is exact up to there.
pub(crate) fn place(given: Option<Tick>) -> Result<Tick, Problem> {
    match given {
        Some(Tick(place)) if !(1..1 << 53).contains(&place) => {
            Err(Problem::malformed("an id is between 1 and 2^53"))
        }
        given => Ok(given.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_with_commas_between_them() {
        let (ann, bob) = (UserId::new(), UserId::new());
        assert_eq!(
            read_user_ids("ids", &format!("{ann},{bob}")).expect("two ids"),
            [ann, bob]
        );
        for bad in ["", "ann", &format!("{ann},"), &format!("{ann} {bob}")] {
            read_user_ids("ids", bad).expect_err(bad);
        }
        let many = |count: usize| vec![ann.to_string(); count].join(",");
        read_user_ids("ids", &many(MAX_IDS)).expect("as many as there may be");
        read_user_ids("ids", &many(MAX_IDS + 1)).expect_err("one too many");
    }

    #[test]
    fn a_place_is_positive_and_exact_in_javascript() {
        assert_eq!(place(None).expect("absent"), Tick::default());
        for good in [1, (1 << 53) - 1] {
            assert_eq!(place(Some(Tick(good))).expect("in bounds"), Tick(good));
        }
        for bad in [i64::MIN, -1, 0, 1 << 53] {
            place(Some(Tick(bad))).expect_err("out of bounds");
        }
    }
}
