//! Answers every request with the greeting in `/assets/greeting.txt`.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> std::io::Result<()> {
    let greeting = std::fs::read_to_string("/assets/greeting.txt")?;
    let greeting = if cfg!(feature = "loud") { greeting.to_uppercase() } else { greeting };
    let listener = TcpListener::bind("0.0.0.0:8080")?;
    for stream in listener.incoming() {
        // A client that goes away is no reason to end.
        let _ = stream.and_then(|stream| answer(stream, &greeting));
    }
    Ok(())
}

fn answer(mut stream: TcpStream, greeting: &str) -> std::io::Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let length = greeting.len();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{greeting}")
}
