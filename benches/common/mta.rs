//! The MTA's side of the milter protocol.

use super::Message;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The MTA's side: it waits only where a reply is due, as Postfix does.
pub struct Mta {
    stream: TcpStream,
    steps: u32,
    pending: Vec<u8>,
}

impl Mta {
    /// Connects and negotiates, up to HELO.
    pub fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut mta = Self { stream, steps: 0, pending: Vec::with_capacity(16 << 10) };
        mta.packet(b'O', &[6_u32.to_be_bytes(), 0x1ff_u32.to_be_bytes(), 0x1f_ffff_u32.to_be_bytes()].concat());
        let answer = mta.read();
        mta.steps = u32::from_be_bytes(answer[13..17].try_into().unwrap());
        mta.step(b'C', b"mail.corp.example\x004\x00\x19198.51.100.10\0", 0x1, 0x1000);
        mta.step(b'H', b"mail.corp.example\0", 0x2, 0x2000);
        mta
    }

    /// Sends a message, reads its answer and takes leave.
    pub fn send(&mut self, message: &Message) {
        self.step(b'M', message.sender.as_bytes(), 0x4, 0x4000);
        for rcpt in &message.rcpts {
            self.step(b'R', rcpt.as_bytes(), 0x8, 0x8000);
        }
        self.step(b'T', b"", 0x200, 0x1_0000);
        for (name, body) in &message.headers {
            let space = if self.steps & 0x10_0000 != 0 { " " } else { "" };
            self.step(b'L', format!("{name}\0{space}{body}\0").as_bytes(), 0x20, 0x80);
        }
        self.step(b'N', b"", 0x40, 0x4_0000);
        self.step(b'B', &message.body, 0x10, 0x8_0000);
        self.packet(b'D', b"Ei\x004XyZ1k0q2Rz9tQ\0");
        self.packet(b'E', b"");
        while !matches!(self.read()[4], b'c' | b'a' | b'r' | b't' | b'd' | b'y') {}
        self.packet(b'Q', b"");
        self.stream.write_all(&self.pending).unwrap();
    }

    fn step(&mut self, command: u8, payload: &[u8], left_out: u32, silent: u32) {
        if self.steps & left_out == 0 {
            self.packet(command, payload);
            if self.steps & silent == 0 {
                assert_eq!(self.read()[4], b'c', "{}", command as char);
            }
        }
    }

    fn packet(&mut self, command: u8, payload: &[u8]) {
        self.pending.extend(u32::try_from(payload.len() + 1).unwrap().to_be_bytes());
        self.pending.push(command);
        self.pending.extend(payload);
    }

    /// Writes what is pending and reads one packet, length and all.
    fn read(&mut self) -> Vec<u8> {
        self.stream.write_all(&self.pending).unwrap();
        self.pending.clear();
        let mut packet = vec![0; 4];
        self.stream.read_exact(&mut packet).unwrap();
        let length = u32::from_be_bytes(packet[..4].try_into().unwrap()) as usize;
        packet.resize(4 + length, 0);
        self.stream.read_exact(&mut packet[4..]).unwrap();
        packet
    }
}
