//! Measures lower bounds for this machine: processes the same bytes, rows and database as the program with as little
//! code as possible. Each bound runs in its own process, so that time and peak memory are separate, and prints one line
//! of `name=value` pairs.
//!
//! ```text
//! floors served URL PATHS            print and reset the synthetic server's counters, and save the requested paths
//! floors replay URL PATHS [N]        repeat these requests over N plain connections and only scan the bytes
//! floors decode C1Z DATABASE         decode zstd to a file
//! floors scan DATABASE               read every value of every row, by rowid
//! floors sqlite DATABASE NEW         insert the same rows from memory in one transaction without a journal, then index
//! floors zstd DATABASE NEW WORKERS   compress with zstd, level 3, to a synced file
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use std::{env, thread};

use posthog_c1z_bench::process;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags};

type Outcome = Result<(), Box<dyn Error>>;

const LEVEL: i32 = 3;
/// Bytes of the magic before the zstd frame of a c1z.
const MAGIC: u64 = 5;
const CHUNK: usize = 1 << 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["served", url, paths] => served(url, paths),
        ["replay", url, paths] => replay(url, paths, 1),
        ["replay", url, paths, n] => n
            .parse()
            .map_err(Into::into)
            .and_then(|n| replay(url, paths, n)),
        ["decode", c1z, database] => decode(c1z, database),
        ["scan", database] => scan(database),
        ["sqlite", database, new] => sqlite(database, new),
        ["zstd", database, new, workers] => workers
            .parse()
            .map_err(Into::into)
            .and_then(|n| zstd(database, new, n)),
        _ => Err("see the top of bench/src/bin/floors.rs for the arguments".into()),
    };
    process::exit_code(outcome)
}

fn served(url: &str, paths: &str) -> Outcome {
    let mut client = Client::connect(url)?;
    let mut stats = Vec::new();
    client.get("/__stats", |bytes| stats.extend_from_slice(bytes))?;
    print!("{}", String::from_utf8(stats)?);
    let mut file = File::create(paths)?;
    let mut asked = Vec::new();
    client.get("/__paths", |bytes| asked.extend_from_slice(bytes))?;
    file.write_all(&asked)?;
    client.get("/__reset", |_| {})?;
    Ok(())
}

fn replay(url: &str, paths: &str, connections: usize) -> Outcome {
    let paths = fs::read_to_string(paths)?;
    let paths: Vec<&str> = paths.lines().collect();
    let next = AtomicUsize::new(0);
    let begun = Stopwatch::start();
    let counts = thread::scope(|scope| {
        let workers: Vec<_> = (0..connections.max(1))
            .map(|_| {
                scope.spawn(|| -> io::Result<(u64, usize)> {
                    let mut client = Client::connect(url)?;
                    let mut quotes = 0;
                    while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                        client.get(path, |bytes| quotes += count(bytes, b'"'))?;
                    }
                    Ok((client.received, quotes))
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
            })
            .collect::<io::Result<Vec<_>>>()
    })?;
    let (seconds, time) = (begun.seconds(), begun.read());
    let bytes: u64 = counts.iter().map(|(bytes, _)| bytes).sum();
    let quotes: usize = counts.iter().map(|(_, quotes)| quotes).sum();
    println!(
        "{time} bytes={bytes} requests={} mb_per_s={:.0} quotes={quotes} peak_kib={}",
        paths.len(),
        bytes as f64 / 1e6 / seconds,
        process::peak_kib()
    );
    Ok(())
}

/// Counts `wanted`, in a form that compilers can vectorize.
fn count(bytes: &[u8], wanted: u8) -> usize {
    bytes
        .chunks(255)
        .map(|few| usize::from(few.iter().map(|byte| u8::from(*byte == wanted)).sum::<u8>()))
        .sum()
}

/// A minimal HTTP/1.1 client, enough for the synthetic server.
struct Client {
    stream: BufReader<TcpStream>,
    host: String,
    received: u64,
}

impl Client {
    fn connect(url: &str) -> io::Result<Self> {
        let host = url.trim_start_matches("http://");
        let host = host.split('/').next().unwrap_or_default().to_owned();
        let stream = TcpStream::connect(&host)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(256 << 10, stream),
            host,
            received: 0,
        })
    }

    fn get(&mut self, path: &str, mut body: impl FnMut(&[u8])) -> io::Result<()> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer phx_benchmark\r\n\r\n",
            self.host
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut left = 0_u64;
        let mut line = String::new();
        let mut is_status = true;
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.received += line.len() as u64;
            if std::mem::take(&mut is_status) && !line.starts_with("HTTP/1.1 200") {
                return Err(io::Error::other(format!("{path}: {}", line.trim_end())));
            }
            if let Some(length) = line.strip_prefix("Content-Length: ") {
                left = length.trim_end().parse().map_err(io::Error::other)?;
            }
            if line == "\r\n" {
                break;
            }
        }
        while left > 0 {
            let bytes = self.stream.fill_buf()?;
            let length = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            body(&bytes[..length]);
            self.stream.consume(length);
            self.received += length as u64;
            left -= length as u64;
        }
        Ok(())
    }
}

fn decode(c1z: &str, database: &str) -> Outcome {
    let begun = Stopwatch::start();
    let mut input = File::open(c1z)?;
    input.seek(SeekFrom::Start(MAGIC))?;
    let mut decoder = ::zstd::stream::read::Decoder::new(input)?;
    decoder.window_log_max(27)?;
    let mut out = File::create(database)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = decoder.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        out.write_all(&chunk[..length])?;
    }
    print_result(&begun, out.metadata()?.len());
    Ok(())
}

fn zstd(database: &str, new: &str, workers: u32) -> Outcome {
    let begun = Stopwatch::start();
    let mut input = File::open(database)?;
    let mut encoder = ::zstd::stream::write::Encoder::new(File::create(new)?, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(input.metadata()?.len()))?;
    encoder.multithread(workers)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = input.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        encoder.write_all(&chunk[..length])?;
    }
    let out = encoder.finish()?;
    out.sync_all()?;
    print_result(&begun, out.metadata()?.len());
    Ok(())
}

fn print_result(begun: &Stopwatch, bytes: u64) {
    println!(
        "{} bytes={bytes} peak_kib={}",
        begun.read(),
        process::peak_kib()
    );
}

/// Wall-clock time and CPU time.
struct Stopwatch {
    wall: Instant,
    cpu: f64,
}

impl Stopwatch {
    fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu: process::cpu_seconds(),
        }
    }

    fn seconds(&self) -> f64 {
        self.wall.elapsed().as_secs_f64()
    }

    fn read(&self) -> String {
        format!(
            "wall={:.3} cpu={:.2}",
            self.seconds(),
            process::cpu_seconds() - self.cpu
        )
    }
}

fn read_only(database: &str) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(
        format!("file:{database}?immutable=1"),
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
}

/// The schema: names and their `CREATE` statements.
fn schema(connection: &Connection, kind: &str) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare("select name, sql from sqlite_schema where type = ?1 and sql is not null order by rowid")?
        .query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn scan(database: &str) -> Outcome {
    let begun = Stopwatch::start();
    let connection = read_only(database)?;
    let (mut rows, mut bytes) = (0_u64, 0_u64);
    for (table, _) in schema(&connection, "table")? {
        let mut statement = connection.prepare(&format!("select * from {table}"))?;
        let columns = statement.column_count();
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            rows += 1;
            for at in 0..columns {
                bytes += match row.get_ref(at)? {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() as u64,
                    _ => 8,
                };
            }
        }
    }
    println!(
        "{} rows={rows} bytes={bytes} peak_kib={}",
        begun.read(),
        process::peak_kib()
    );
    Ok(())
}

/// The rows of a table, one value after the other in two long arrays.
struct Held {
    name: String,
    columns: usize,
    values: Vec<(Kind, u32)>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Kind {
    Null,
    Integer,
    Text,
    Blob,
}

impl Held {
    fn read(connection: &Connection, name: String) -> Result<Self, Box<dyn Error>> {
        let mut statement = connection.prepare(&format!("select * from {name} order by id"))?;
        let mut held = Self {
            name,
            columns: statement.column_count(),
            values: Vec::new(),
            bytes: Vec::new(),
        };
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for at in 0..held.columns {
                let from = held.bytes.len();
                let kind = match row.get_ref(at)? {
                    ValueRef::Null => Kind::Null,
                    ValueRef::Integer(number) => {
                        held.bytes.extend_from_slice(&number.to_le_bytes());
                        Kind::Integer
                    }
                    ValueRef::Text(text) => {
                        held.bytes.extend_from_slice(text);
                        Kind::Text
                    }
                    ValueRef::Blob(blob) => {
                        held.bytes.extend_from_slice(blob);
                        Kind::Blob
                    }
                    ValueRef::Real(_) => return Err("no column of a c1z is a real number".into()),
                };
                held.values
                    .push((kind, u32::try_from(held.bytes.len() - from)?));
            }
        }
        Ok(held)
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<()> {
        let marks = vec!["?"; self.columns].join(", ");
        let mut insert =
            connection.prepare(&format!("insert into {} values ({marks})", self.name))?;
        let mut rest = self.bytes.as_slice();
        for row in self.values.chunks(self.columns) {
            for (at, (kind, length)) in row.iter().enumerate() {
                let (bytes, after) = rest.split_at(*length as usize);
                rest = after;
                let value = match kind {
                    Kind::Null => ValueRef::Null,
                    Kind::Integer => {
                        let mut number = [0; 8];
                        number.copy_from_slice(bytes);
                        ValueRef::Integer(i64::from_le_bytes(number))
                    }
                    Kind::Text => ValueRef::Text(bytes),
                    Kind::Blob => ValueRef::Blob(bytes),
                };
                insert.raw_bind_parameter(at + 1, ToSqlOutput::Borrowed(value))?;
            }
            insert.raw_execute()?;
        }
        Ok(())
    }
}

fn sqlite(database: &str, new: &str) -> Outcome {
    let source = read_only(database)?;
    let tables = schema(&source, "table")?;
    let indexes = schema(&source, "index")?;
    let mut held = Vec::new();
    for (name, _) in &tables {
        held.push(Held::read(&source, name.clone())?);
    }
    drop(source);
    let before = process::resident_kib();
    process::forget_peak();

    let begun = Stopwatch::start();
    let connection = Connection::open(new)?;
    for (pragma, value) in [
        ("locking_mode", "exclusive"),
        ("journal_mode", "off"),
        ("synchronous", "off"),
        ("cache_size", "-32768"),
    ] {
        connection.pragma_update(None, pragma, value)?;
    }
    for (_, sql) in &tables {
        connection.execute_batch(sql)?;
    }
    connection.execute_batch("begin")?;
    for table in &held {
        table.insert(&connection)?;
    }
    let rows = begun.seconds();
    for (_, sql) in &indexes {
        connection.execute_batch(sql)?;
    }
    connection.execute_batch("commit")?;
    connection.close().map_err(|(_, error)| error)?;
    let (wall, time) = (begun.seconds(), begun.read());
    println!(
        "{time} rows_s={rows:.3} indexes_s={:.3} bytes={} source_kib={before} peak_kib={} grown_kib={}",
        wall - rows,
        fs::metadata(new)?.len(),
        process::peak_kib(),
        process::peak_kib().saturating_sub(before)
    );
    Ok(())
}
