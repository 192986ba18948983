//! Usernames that pretend to be those of the people or the programs that run a server.

/// The words that pretend.
const RESERVED: [&str; 39] = [
    "abuse",
    "admin",
    "administration",
    "administrator",
    "administrators",
    "admins",
    "all",
    "anonymous",
    "carrier",
    "channel",
    "deleted",
    "everyone",
    "help",
    "helpdesk",
    "here",
    "hostmaster",
    "mod",
    "moderation",
    "moderator",
    "moderators",
    "mods",
    "noreply",
    "null",
    "official",
    "operator",
    "postmaster",
    "root",
    "security",
    "server",
    "service",
    "staff",
    "superuser",
    "support",
    "sysadmin",
    "sysadmins",
    "sysop",
    "system",
    "undefined",
    "webmaster",
];
/// The words that change nothing of it beside one of those.
const FILLERS: [&str; 17] = [
    "account", "app", "bot", "chat", "chief", "customer", "desk", "global", "head", "my", "real",
    "super", "team", "tech", "the", "user", "your",
];

/// Returns true when a username looks as if it were made of reserved words.
pub(crate) fn is_reserved(username: &str) -> bool {
    let name = username.to_ascii_lowercase();
    let is_number = |one: char| !one.is_ascii_alphabetic();
    let (ended, begun) = (
        name.trim_end_matches(is_number),
        name.trim_start_matches(is_number),
    );
    [&*name, ended, begun, ended.trim_start_matches(is_number)]
        .into_iter()
        .any(|name| pretends(&skeleton(name), false))
}

/// Returns true when a skeleton is made of words, one of which is reserved.
fn pretends(name: &str, found: bool) -> bool {
    let goes_on = |words: &[&str], is_reserved: bool| {
        words.iter().any(|word| {
            let rest = name.strip_prefix(&*skeleton(word));
            rest.is_some_and(|rest| pretends(rest, found || is_reserved))
        })
    };
    match name {
        "" => found,
        _ => goes_on(&RESERVED, true) || goes_on(&FILLERS, false),
    }
}

/// Returns the form that names which look alike have in common, as the skeletons of Unicode's
/// UTS #39: a username has only ASCII.
fn skeleton(name: &str) -> String {
    let shape = |character| match character {
        '0' => Some('o'),
        '1' | 'l' | 'j' => Some('i'),
        '2' => Some('z'),
        '3' => Some('e'),
        '4' => Some('a'),
        '5' => Some('s'),
        '6' | '9' => Some('g'),
        '7' => Some('t'),
        '8' => Some('b'),
        '_' | '.' | '-' => None,
        other => Some(other),
    };
    let shapes: String = name.chars().filter_map(shape).collect();
    shapes
        .replace("rn", "m")
        .replace("vv", "w")
        .replace("ci", "d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_pretends_is_reserved_in_all_forms_that_look_like_it() {
        let pretending = [
            "admin",
            "Admin",
            "ADMIN",
            "adm1n",
            "4dmin",
            "admln",
            "adrnin",
            "a.d.m.i.n",
            "_admin_",
            "admin1",
            "admin_007",
            "the.admin",
            "root",
            "r00t",
            "roo7",
            "system",
            "5ystem",
            "syst3m",
            "carrier-support",
            "CarrierTeam",
            "supp0rt",
            "help-desk",
            "moderator",
            "everyone",
            "here",
            "system.bot",
            "offlcial",
            "007admin",
            "1.admin.1",
            "4dmin4",
            "aclmin",
            "ac1min",
            "ACIMIN",
            "superadmin",
            "Tech-Support",
            "customer_service",
            "rnoderator",
            "moderation.team",
            "5ysadm1n5",
        ];
        for name in pretending {
            assert!(is_reserved(name), "{name}");
        }
        let good = [
            "ann",
            "badminton",
            "systema",
            "rooter",
            "hall",
            "therese",
            "helper",
            "chatbot",
            "mode",
            "adam",
            "user42",
            "realann",
            "modesty",
            "carrie",
            "2024",
            "bob.admin",
            "x_x",
            "theteam",
            "super.mario",
            "appleseed",
            "techno",
            "headmaster",
            "alice1984",
            "99bottles",
            "cinderella",
            "marcia",
            "3modest",
        ];
        for name in good {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
