//! `carrier drill`, a short one: faults in turn, and nothing that was acknowledged is lost.

use std::collections::BTreeMap;

use e2e::{Process, Sql, on_both};
use serde_json::Value;

on_both!(a_short_drill_loses_nothing);
async fn a_short_drill_loses_nothing(sql: Sql) {
    let (name, last) = match sql {
        Sql::Sqlite => ("sqlite", "disk-full"),
        Sql::MariaDb => ("mariadb", "cut-commit"),
    };
    let only = format!("kill-all,kill-flusher,redis-full,expiry-storm,power-cut,{last}");
    let drill = Process::new(
        &format!(
            "drill --json --rounds 6 --seed 11 --storm 300 --people 4 --sql {name} --only {only}"
        ),
        &[],
    );
    drill.start();
    let code = drill.wait_long().await;
    let log = drill.log();
    let json = log
        .find('{')
        .map(|at| &log[at..])
        .unwrap_or_else(|| panic!("no report: {log}"));
    let report: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {log}"));
    assert_eq!(
        (code, &report["well"]),
        (0, &Value::Bool(true)),
        "{report:#}"
    );
    assert_eq!(
        report["rounds"].as_u64().expect("a number")
            + report["notes"].as_array().expect("notes").len() as u64,
        6,
        "{report:#}"
    );
    assert!(
        report["acknowledged"].as_u64().expect("a number") > 500,
        "{report:#}"
    );
}

/// Runs an attack, and returns its report. The drill itself may fail: on a slow machine people wait
/// longer than they should.
async fn attack(more: &str) -> String {
    let drill = Process::new(&format!("drill --attack {more}"), &[]);
    drill.start();
    drill.wait_long().await;
    drill.log()
}

#[tokio::test]
async fn every_kind_of_attack_is_made_and_counted() {
    let log = attack("--seconds 20 --people 2 --members 60").await;
    let attacks = rows("attack", &log);
    assert_eq!(attacks.len(), 28, "{log}");
    for (attack, counts) in attacks {
        assert!(counts[0] > 0.0, "{attack} is made: {log}");
    }
}

#[tokio::test]
async fn attacks_from_many_addresses_get_through_and_all_that_people_write_comes() {
    let kinds = "--attacks crowd-registrations,crowd-guesses";
    let log = attack(&format!("{kinds} --seconds 20 --people 4 --members 60")).await;
    for (attack, counts) in rows("attack", &log) {
        let [tried, _, too_often, unanswered] = counts[..] else {
            panic!("{attack}: {log}");
        };
        assert!(
            tried > too_often + unanswered,
            "{attack} gets through: {log}"
        );
    }
    let people = rows("people", &log);
    for when in ["before", "attacked"] {
        let row = |what: &str| &people[&format!("{what} {when}")];
        assert!(row("requests")[0] > 0.0 && row("events")[0] > 0.0, "{log}");
        let failed = row("events").last();
        assert_eq!(failed, Some(&0.0), "all that was written came: {log}");
    }
}

/// Returns the numbers in each row of a table of the report, given the word that its head begins
/// with.
fn rows(head: &str, log: &str) -> BTreeMap<String, Vec<f64>> {
    let below = log
        .lines()
        .skip_while(|line| !line.starts_with(&format!("{head}  ")));
    let rows = below.skip(1).take_while(|line| !line.is_empty());
    // A failure stands below its row, farther in.
    let rows = rows.filter(|line| !line.starts_with(' '));
    rows.map(|row| {
        let (name, numbers) = row.split_at(20);
        let numbers = numbers
            .split_whitespace()
            .filter_map(|one| one.parse().ok());
        (name.trim().to_owned(), numbers.collect())
    })
    .collect()
}
