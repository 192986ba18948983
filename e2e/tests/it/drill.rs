//! `carrier drill`, a short one: faults in turn, and nothing that was acknowledged is lost.

use e2e::{Process, Sql, on_both};
use serde_json::Value;

on_both!(a_short_drill_loses_nothing);
async fn a_short_drill_loses_nothing(sql: Sql) {
    let (name, last) = match sql {
        Sql::Sqlite => ("sqlite", "disk-full"),
        Sql::MariaDb => ("mariadb", "cut-commit"),
    };
    let only = format!("kill-all,kill-flusher,redis-full,expiry-storm,power-cut,{last}");
    let drill = Process::new(&format!("drill --json --rounds 6 --seed 11 --storm 300 --people 4 --sql {name} --only {only}"), &[]);
    drill.start();
    let code = drill.wait_long().await;
    let log = drill.log();
    let json = log.find('{').map(|at| &log[at..]).unwrap_or_else(|| panic!("no report: {log}"));
    let report: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {log}"));
    assert_eq!((code, &report["well"]), (0, &Value::Bool(true)), "{report:#}");
    assert_eq!(report["rounds"].as_u64().expect("a number") + report["notes"].as_array().expect("notes").len() as u64, 6, "{report:#}");
    assert!(report["acknowledged"].as_u64().expect("a number") > 500, "{report:#}");
}
