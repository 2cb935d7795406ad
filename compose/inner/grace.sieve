require ["copy"];
redirect :copy "grace@freemail.example";
