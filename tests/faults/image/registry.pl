#!/usr/bin/perl
# A registry that has nothing: `private` is denied, `broken` fails, everything else is not found.
use strict;
use warnings;
use IO::Socket::INET;

my $server = IO::Socket::INET->new(LocalPort => 5000, Listen => 16, ReuseAddr => 1) or die "port 5000: $!";
$SIG{TERM} = sub { exit 0 };
while (my $client = $server->accept) {
    my ($request) = (<$client> // '') =~ m{^\S+ (\S+)};
    while (defined(my $line = <$client>)) { last if $line =~ /^\r?$/ }
    $request //= '';
    my ($status, $code) =
        $request =~ m{^/v2/?$}       ? ('200 OK', '')
      : $request =~ m{^/v2/private/} ? ('403 Forbidden', 'DENIED')
      : $request =~ m{^/v2/broken/}  ? ('503 Service Unavailable', 'UNAVAILABLE')
      :                                ('404 Not Found', 'MANIFEST_UNKNOWN');
    my $body = $code ? qq({"errors":[{"code":"$code","message":"$code"}]}) : '{}';
    print $client "HTTP/1.1 $status\r\nContent-Type: application/json\r\nContent-Length: ", length $body,
      "\r\nConnection: close\r\n\r\n", $body;
    close $client;
}
