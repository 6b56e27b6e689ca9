//! Registries on loopback: Debian's `docker-registry` with a login, and one that answers what a test wants. Where the former is not
//! installed a test that needs it says so and passes.

use super::cluster;
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// `sesame` in bcrypt, of the user `author`.
const LOGINS: &str = "author:$2y$05$abcdefghijklmnopqrstuuKcS.CYWVYVaLiiCKrrc0A5s3mGesJ9O\n";

/// `author:sesame` in base64, as `docker login` keeps it.
const LOGIN: &str = "YXV0aG9yOnNlc2FtZQ==";

/// A running registry, stopped when dropped.
pub struct Registry {
    /// Host and port.
    pub host: String,
    /// Where it keeps what is pushed.
    pub folder: PathBuf,
    process: Child,
}

impl Registry {
    /// Starts one; `None`, after a line on standard error, where it is not installed.
    pub fn start() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let Some(program) =
            std::env::split_paths(&path).map(|folder| folder.join("docker-registry")).find(|program| program.is_file())
        else {
            eprintln!("skipped: `docker-registry` is not installed");
            return None;
        };
        let folder = cluster::new_folder("registry");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        cluster::write(&folder.join("htpasswd"), LOGINS);
        let configuration = format!(
            "version: 0.1\nlog: {{ level: error }}\nstorage: {{ filesystem: {{ rootdirectory: {0}/store }} }}\n\
             http: {{ addr: {host}, secret: of-the-test }}\nauth: {{ htpasswd: {{ realm: test, path: {0}/htpasswd }} }}\n",
            folder.display()
        );
        cluster::write(&folder.join("config.yml"), configuration);
        let mut command = Command::new(program);
        command.arg("serve").arg(folder.join("config.yml")).current_dir(&folder).env_clear();
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut started = Self { host, folder, process };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&started.host).is_err() {
            assert!(
                started.process.try_wait().unwrap().is_none() && Instant::now() < deadline,
                "docker-registry starts"
            );
            thread::sleep(Duration::from_millis(10));
        }
        Some(started)
    }

    /// A `config.json` that has the login, or has it wrong; its folder is what `DOCKER_CONFIG` names.
    pub fn login(&self, good: bool) -> PathBuf {
        let folder = cluster::new_folder("login");
        let login = if good { LOGIN } else { "YXV0aG9yOm9wZW4=" };
        cluster::write(
            &folder.join("config.json"),
            format!("{{ \"auths\": {{ \"{}\": {{ \"auth\": \"{login}\" }} }} }}", self.host),
        );
        folder
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a path is answered with: a content type, and bytes.
pub type Answers = HashMap<&'static str, (&'static str, Vec<u8>)>;

/// A registry that answers these paths and no others, until the test's process ends. Gives its host and port.
pub fn answering(answers: Answers) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let answers = Arc::new(answers);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answers = Arc::clone(&answers);
            thread::spawn(move || answer(connection, &answers));
        }
    });
    host
}

fn answer(mut connection: TcpStream, answers: &Answers) -> Option<()> {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = connection.read(&mut piece).ok().filter(|count| *count > 0)?;
        request.extend_from_slice(&piece[..count]);
    }
    let text = String::from_utf8_lossy(&request);
    let path = text.split(' ').nth(1)?;
    let nothing = ("application/json", b"{}".to_vec());
    let (status, (kind, bytes)) = match answers.get(path) {
        Some(answer) => ("200 OK", answer),
        None if path == "/v2/" => ("200 OK", &nothing),
        None => ("404 Not Found", &nothing),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    connection.write_all(head.as_bytes()).ok()?;
    connection.write_all(bytes).ok()
}
