//! Receivers of our own on loopback: they keep what they get.

use socket2::{Domain, Socket, Type};
use std::io::Read;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What was received.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received(Arc<Mutex<Vec<u8>>>);

impl Received {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    fn add(&self, octets: &[u8]) {
        self.0.lock().unwrap().extend_from_slice(octets);
    }
}

/// A port on which nobody listens yet, and that nobody else can take.
pub(crate) struct Reserved(Socket);

impl Reserved {
    pub(crate) fn port() -> (u16, Self) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        (port, Self(socket))
    }

    pub(crate) fn listen(self) -> TcpListener {
        self.0.listen(128).unwrap();
        self.0.into()
    }
}

/// A TCP server that keeps what it gets.
pub(crate) fn tcp(port: Reserved) -> Received {
    let listener = port.listen();
    let received = Received::default();
    let keep = received.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, keep) = (stream.unwrap(), keep.clone());
            std::thread::spawn(move || {
                let mut octets = [0; 65_536];
                while let Ok(count @ 1..) = stream.read(&mut octets) {
                    keep.add(&octets[..count]);
                }
            });
        }
    });
    received
}

/// A UDP socket; each datagram becomes a line.
pub(crate) fn udp() -> (SocketAddr, Received) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let received = Received::default();
    let keep = received.clone();
    std::thread::spawn(move || {
        let mut octets = vec![0; 65_536];
        while let Ok(count) = socket.recv(&mut octets) {
            keep.add(&[&octets[..count], b"\n"].concat());
        }
    });
    (addr, received)
}

/// A UNIX datagram socket; each datagram becomes a line.
pub(crate) fn unix(path: &Path) -> Received {
    let socket = UnixDatagram::bind(path).unwrap();
    let received = Received::default();
    let keep = received.clone();
    std::thread::spawn(move || {
        let mut octets = vec![0; 65_536];
        while let Ok(count) = socket.recv(&mut octets) {
            keep.add(&[&octets[..count], b"\n"].concat());
        }
    });
    received
}
