use std::cell::Cell;
use std::num::NonZero;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use kind_harness::report::ComponentMoment;
use rstest::rstest;

use super::*;

thread_local! {
    static SIZE: Cell<Size> = const { Cell::new((80, 24)) };
}

/// A terminal, and a board on it.
struct Screen {
    terminal: Arc<Mutex<vt100::Parser>>,
    board: Board<Wire>,
}

/// Passes what is written to the terminal, which needs a carriage return before each line feed.
struct Wire(Arc<Mutex<vt100::Parser>>);

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes).replace('\n', "\r\n");
        self.0.lock().unwrap().process(text.as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Screen {
    fn new((width, height): Size) -> Screen {
        SIZE.set((width, height));
        let [rows, columns] = [height, width].map(|it| NonZero::new(u16::try_from(it).unwrap()).unwrap());
        let terminal = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        Screen { board: Board::new(Wire(terminal.clone()), || SIZE.get(), false), terminal }
    }

    fn show(&mut self, at: u64, phase: Phase, step: &str, kind: EventKind) {
        let at = Duration::from_millis(at);
        self.board.show(&Event { at, wall: Timestamp::UNIX_EPOCH, phase, step: step.into(), kind });
    }

    fn text(&self) -> String {
        self.terminal.lock().unwrap().screen().contents().trim_end().to_owned()
    }
}

fn moment(kind: MomentKind) -> EventKind {
    let moment = ComponentMoment { kind, object: "db-0".into(), container: None, at: Duration::ZERO, probe: None };
    EventKind::Moment(moment)
}

/// A run of two components up to where one is ready and the other waits.
fn half_way(screen: &mut Screen) {
    for name in ["db", "api"] {
        screen.show(0, Phase::Deploy, name, EventKind::Pending);
    }
    screen.show(0, Phase::Cluster, "kind", EventKind::Started);
    screen.show(500, Phase::Cluster, "kind", EventKind::Progress("starting the control plane ".repeat(9)));
    screen.show(900, Phase::Cluster, "kind", EventKind::Finished(Outcome::Done));
    for name in ["db", "api"] {
        screen.show(1000, Phase::Deploy, name, EventKind::Started);
        screen.show(1500, Phase::Deploy, name, EventKind::Finished(Outcome::Done));
        screen.show(1500, Phase::Ready, name, EventKind::Started);
    }
    screen.show(1600, Phase::Ready, "api", moment(MomentKind::Scheduled));
    screen.show(2000, Phase::Ready, "api", moment(MomentKind::Started));
    screen.show(2500, Phase::Ready, "db", EventKind::Finished(Outcome::Done));
    screen.show(3000, Phase::Ready, "api", EventKind::Progress(format!("pod/api: {}", "not ready yet ".repeat(20))));
}

#[test]
fn each_component_has_a_row_and_lines_above_stay() {
    let mut screen = Screen::new((70, 24));
    half_way(&mut screen);
    let expected = "    0.9s  cluster  kind             done in 0.9 s
    1.5s  deploy   db               done in 0.5 s
    1.5s  deploy   api              done in 0.5 s
    2.5s  ready    db               done in 1.0 s
✓ db  ██████    1.5 s
▸ api ████░░    2.0 s  pod/api: not ready yet not ready yet not read…";
    assert_eq!(screen.text(), expected);
    screen.show(3100, Phase::Ready, "api", EventKind::Finished(Outcome::Done));
    screen.board.close();
    assert!(screen.text().ends_with("3.1s  ready    api              done in 1.6 s"), "{}", screen.text());
}

#[rstest]
#[case((20, 24))]
#[case((40, 8))]
#[case((300, 60))]
fn no_row_is_left_behind_at_any_width(#[case] size: Size) {
    let mut screen = Screen::new(size);
    half_way(&mut screen);
    for tick in 0..20 {
        screen.board.show_due(Duration::from_millis(3200 + 120 * tick));
    }
    let text = screen.text();
    assert_eq!(text.matches('▸').count(), 1, "{text}");
    assert_eq!(text.matches('✓').count(), 1, "{text}");
    screen.board.close();
    assert!(!screen.text().contains('▸') && !screen.text().contains('✓'), "{}", screen.text());
}

#[test]
fn a_narrower_window_wraps_lines_and_all_of_their_rows_are_removed() {
    let mut written = Vec::new();
    SIZE.set((100, 24));
    let mut board = Board::new(&mut written, || SIZE.get(), false);
    (board.drawn, board.now) = (vec![99, 40, 12], Duration::ZERO);
    SIZE.set((50, 24));
    board.close();
    // 2 + 1 + 1 rows of 50 columns.
    assert_eq!(String::from_utf8(written).unwrap(), "\r\x1b[4A\x1b[J");
}

#[test]
fn more_rows_than_the_screen_has_are_counted() {
    let mut screen = Screen::new((60, 8));
    for number in 0..20 {
        screen.show(0, Phase::Deploy, &format!("service-{number}"), EventKind::Pending);
    }
    screen.board.show_due(Duration::from_millis(500));
    let text = screen.text();
    assert_eq!((text.lines().count(), text.matches("service-0 ").count()), (6, 1), "{text}");
    assert!(text.ends_with("  and 15 more"), "{text}");
}

#[test]
fn a_failed_component_keeps_its_reason() {
    let mut screen = Screen::new((80, 24));
    half_way(&mut screen);
    let trouble = EventKind::Trouble { how: kind_harness::readiness::Missed::Failed, why: "it crashes".into() };
    screen.show(3300, Phase::Ready, "api", trouble);
    screen.board.show_due(Duration::from_millis(3500));
    assert!(screen.text().ends_with("✗ api ████░░    2.5 s  it crashes"), "{}", screen.text());
}
