//! Output that is best effort: whoever started this process may have closed their end, and no work
//! may wait for them, or fail because of them. All that is printed or logged goes through here, so
//! no text that others wrote commands the terminal.

use std::{
    fmt::{self, Display},
    io::{self, IsTerminal, Write},
};

use tracing::field::Field;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::{
    EnvFilter,
    field::MakeExt,
    fmt::format::{Writer, debug_fn},
};

use crate::{LogFormat, terminal};

/// Prints a line, with the arguments of `format!`.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::output::say(format_args!($($text)*))
    };
}

/// Prints a line.
pub(crate) fn say(line: impl Display) {
    writeln!(io::stdout(), "{}", terminal::lines(&line.to_string())).ok();
}

/// Prints the reason why the process ends.
pub(crate) fn complain(reason: impl Display) {
    let reason = terminal::lines(&reason.to_string());
    writeln!(io::stderr(), "carrier: {reason}").ok();
}

/// Starts to log to stderr, from a thread of its own: lines that nobody reads are thrown away. The
/// last lines are written when the guard is dropped.
pub(crate) fn log(filter: EnvFilter, format: LogFormat) -> WorkerGuard {
    let (stderr, guard) = NonBlocking::new(io::stderr());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .with_writer(stderr)
            .init(),
        LogFormat::Json => log
            .json()
            .with_writer(move || JsonLines(stderr.clone()))
            .init(),
    }
    guard
}

/// Writes a field of a log line: its value in one line.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let value = terminal::one_line(&format!("{value:?}"));
    match field.name() {
        "message" => write!(writer, "{value}"),
        name => write!(writer, "{name}={value}"),
    }
}

/// A writer of lines of JSON, each of which it is given whole.
struct JsonLines<W>(W);

impl<W: Write> Write for JsonLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0
            .write_all(terminal::json(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::subscriber::with_default;

    use super::*;
    use crate::terminal::tests::{HOSTILE, is_safe};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("alone").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Page {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("alone").clone()).expect("UTF-8")
        }
    }

    #[test]
    fn no_line_of_a_log_commands_a_terminal_or_looks_like_two() {
        let (text, json) = (Page::default(), Page::default());
        let log = tracing_subscriber::fmt().with_ansi(false);
        let to_text = text.clone();
        let as_text = log
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .with_writer(move || to_text.clone())
            .finish();
        let to_json = json.clone();
        let as_json = tracing_subscriber::fmt()
            .json()
            .with_writer(move || JsonLines(to_json.clone()))
            .finish();
        let write = || {
            for hostile in HOSTILE {
                let forged = format!("{hostile}\n2026-01-01 ERROR forged");
                tracing::warn!(%forged, quoted = forged, count = 1, "said: {forged}");
            }
        };
        with_default(as_text, write);
        with_default(as_json, write);
        for page in [text.text(), json.text()] {
            assert!(is_safe(&page), "{page:?}");
            assert_eq!(page.lines().count(), HOSTILE.len(), "{page}");
            assert!(page.lines().all(|line| line.contains("WARN")), "{page}");
        }
        assert!(text.text().contains("count=1"), "{}", text.text());
    }
}
