/** Where no address that somebody else chose may lead: this machine, its network, its cloud, and what is no place at all. */
const privateAddresses = [
  ['127.0.0.1', 'this machine'],
  ['127.0.0.2', 'this machine'],
  ['127.255.255.254', 'this machine'],
  ['0.0.0.0', 'this machine, by another name'],
  ['0.1.2.3', 'this network'],
  ['10.0.0.1', 'private'],
  ['10.255.255.254', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.254', 'private'],
  ['192.168.0.1', 'private'],
  ['192.168.255.254', 'private'],
  ['100.64.0.1', 'behind a carrier'],
  ['100.127.255.254', 'behind a carrier'],
  ['169.254.169.254', 'metadata of most clouds'],
  ['169.254.170.2', 'credentials of a container'],
  ['169.254.0.23', 'metadata of one cloud'],
  ['100.100.100.200', 'metadata of one cloud'],
  ['168.63.129.16', 'host agent'],
  ['161.26.0.10', 'services of one cloud'],
  ['166.9.0.1', 'services of one cloud'],
  ['192.0.0.192', 'metadata of one cloud'],
  ['192.0.0.1', 'reserved'],
  ['192.88.99.1', 'a relay'],
  ['198.18.0.1', 'a bench'],
  ['198.19.255.254', 'a bench'],
  ['192.0.2.1', 'a document'],
  ['198.51.100.1', 'a document'],
  ['203.0.113.1', 'a document'],
  ['224.0.0.1', 'many'],
  ['239.255.255.250', 'many'],
  ['240.0.0.1', 'nobody yet'],
  ['255.255.255.255', 'everybody here'],
] as const;

export const privateFourByteAddresses: readonly string[] = privateAddresses.map(([address]) => address);

const privateSixteenByteAddresses: readonly string[] = [
  '::',
  '::1',
  '0:0:0:0:0:0:0:1',
  'fc00::1',
  'fd00:ec2::254',
  'fd20:ce::254',
  'fd00:c1::a9fe:a9fe',
  'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  'fe80::1',
  'fe80::a9fe:a9fe',
  'febf::1',
  'fec0::1',
  'ff02::1',
  'ff05::2',
  '100::1',
  '1fff:ffff::1',
  '4000::1',
  '5f00::1',
  '8000::1',
  'e000::1',
  '64:ff9b::1',
  '64:ff9b:1::1',
  '2001:1::1',
  '2001:2::1',
  '2001:3::1',
  '2001:4:112::1',
  '2001:10::1',
  '2001:20::1',
  '2001:30::1',
  '2001:db8::1',
  '2001:db8:ffff::1',
  '2620:4f:8000::1',
  '3fff::1',
];

const octets = (address: string): number[] => address.split('.').map(Number);
const numberOf = (address: string): number => octets(address).reduce((value, octet) => value * 256 + octet, 0);
const hex = (value: number, digits = 1): string => value.toString(16).padStart(digits, '0');
const octal = (value: number): string => `0${value.toString(8)}`;

const circled = (digit: string): string =>
  digit === '0' ? '\u{24EA}' : String.fromCodePoint(0x2460 + Number(digit) - 1);
const shifted = (first: number) => (digit: string) => String.fromCodePoint(first + Number(digit));
const everyDigit = (address: string, write: (digit: string) => string): string => address.replace(/\d/g, write);

/** How a URL may write four bytes so that a host parser reads the very same address. */
const writings: Record<string, (address: string) => string> = {
  plain: (address) => address,
  decimal: (address) => String(numberOf(address)),
  hexadecimal: (address) => `0x${hex(numberOf(address))}`,
  'hexadecimal, capitals': (address) => `0X${hex(numberOf(address), 8).toUpperCase()}`,
  octal: (address) => octal(numberOf(address)),
  'octal, padded': (address) => `0000${octal(numberOf(address))}`,
  'hexadecimal parts': (address) =>
    octets(address)
      .map((octet) => `0x${hex(octet)}`)
      .join('.'),
  'octal parts': (address) => octets(address).map(octal).join('.'),
  'octal parts, padded': (address) =>
    octets(address)
      .map((octet) => `00000${octet.toString(8)}`)
      .join('.'),
  'mixed parts': (address) => {
    const [first = 0, second = 0, third = 0, fourth = 0] = octets(address);
    return `${first}.0x${hex(second)}.${octal(third)}.${fourth}`;
  },
  'two parts': (address) => `${octets(address)[0]}.${numberOf(address) % 2 ** 24}`,
  'two parts, mixed': (address) => `0x${hex(octets(address)[0] ?? 0)}.${octal(numberOf(address) % 2 ** 24)}`,
  'three parts': (address) => [...octets(address).slice(0, 2), numberOf(address) % 2 ** 16].join('.'),
  'three parts, mixed': (address) => {
    const [first = 0, second = 0] = octets(address);
    return `${octal(first)}.0x${hex(second)}.${numberOf(address) % 2 ** 16}`;
  },
  'circled digits': (address) => everyDigit(address, circled),
  'full-width digits': (address) => everyDigit(address, shifted(0xff10)),
  'bold digits': (address) => everyDigit(address, shifted(0x1d7ce)),
  'double-struck digits': (address) => everyDigit(address, shifted(0x1d7d8)),
  'monospaced digits': (address) => everyDigit(address, shifted(0x1d7f6)),
  'superscript digits': (address) => everyDigit(address, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'.charAt(Number(digit))),
  'ideographic stops': (address) => address.replaceAll('.', '。'),
  'full-width stops': (address) => address.replaceAll('.', '．'),
  'half-width stops': (address) => address.replaceAll('.', '｡'),
  'a stop behind': (address) => `${address}.`,
  'percent signs': (address) => everyDigit(address, (digit) => `%3${digit}`),
  'a soft hyphen': (address) => address.replace('.', '\u00AD.'),
  'a zero-width space': (address) => `${address}\u200B`,
};

const halves = (address: string): [string, string] => {
  const value = numberOf(address);
  return [hex(Math.floor(value / 65_536)), hex(value % 65_536)];
};

/** How sixteen bytes may carry four. */
const carriers: Record<string, (address: string) => string> = {
  'v4-mapped': (address) => `::ffff:${address}`,
  'v4-mapped, hexadecimal': (address) => `::ffff:${halves(address).join(':')}`,
  'v4-mapped, in full': (address) => `0000:0000:0000:0000:0000:FFFF:${halves(address).join(':')}`,
  'v4-compatible': (address) => `::${address}`,
  translated: (address) => `::ffff:0:${address}`,
  NAT64: (address) => `64:ff9b::${address}`,
  'local NAT64': (address) => `64:ff9b:1::${address}`,
  '6to4': (address) => `2002:${halves(address).join(':')}::1`,
  'Teredo server': (address) => `2001:0:${halves(address).join(':')}::`,
  'Teredo client': (address) => {
    const [high, low] = halves(address).map((half) => hex(0xffff - Number.parseInt(half, 16)));
    return `2001:0:4136:e378:8000:63bf:${high}:${low}`;
  },
  ISATAP: (address) => `2600:1f18::5efe:${address}`,
  'ISATAP, global': (address) => `2600:1f18:0:1:200:5efe:${halves(address).join(':')}`,
};

export type Hostile = { url: string; kind: string };

export type WrittenAddress = Hostile & { address: string };

/** Every private address in every writing of its four bytes, on a port where this machine listens. */
export function writtenAddresses(port: number): WrittenAddress[] {
  return privateFourByteAddresses.flatMap((address) =>
    Object.entries(writings).map(([kind, write]) => ({ url: `http://${write(address)}:${port}/`, kind, address })),
  );
}

export function carriedAddresses(port: number): Hostile[] {
  const carried = privateFourByteAddresses.flatMap((address) =>
    Object.entries(carriers).map(([kind, carry]) => ({ url: `http://[${carry(address)}]:${port}/`, kind })),
  );
  const own = privateSixteenByteAddresses.map((address) => ({ url: `https://[${address}]:${port}/`, kind: 'v6' }));
  return [...carried, ...own];
}

/** Addresses whose trick is in what stands around the host. */
export function trickedAddresses(port: number): Hostile[] {
  return privateFourByteAddresses.slice(0, 20).flatMap((address) => [
    { kind: 'a public user', url: `http://public.example@${address}:${port}/` },
    { kind: 'a public user and password', url: `http://public.example:443@${address}:${port}/` },
    { kind: 'an escaped user', url: `http://public.example%2F@${address}:${port}/` },
    { kind: 'a private user', url: `http://${address}:${port}@public.example/` },
    { kind: 'an empty user', url: `http://:secret@public.example:${port}/` },
    { kind: 'backslashes', url: `http:\\\\${address}:${port}\\@public.example/` },
    { kind: 'one slash', url: `http:/${address}:${port}/` },
    { kind: 'many slashes', url: `http:////${address}:${port}/` },
    { kind: 'a line break', url: `ht\ntp://${address.slice(0, 3)}\t${address.slice(3)}:${port}/` },
    { kind: 'spaces around', url: `  http://${address}:${port}/  ` },
    { kind: 'a fragment', url: `http://${address}:${port}#@public.example/` },
    { kind: 'a padded port', url: `http://${address}:${String(port).padStart(9, '0')}/` },
    { kind: 'TLS', url: `https://${address}:${port}/` },
    { kind: 'the usual port', url: `http://${address}/latest/meta-data/` },
    { kind: 'capitals', url: `HTTP://${address}:${port}/` },
    { kind: 'no scheme', url: `//${address}:${port}/` },
    { kind: 'sockets', url: `ws://${address}:${port}/` },
    { kind: 'files', url: `ftp://${address}:${port}/` },
    { kind: 'gophers', url: `gopher://${address}:${port}/_GET` },
    { kind: 'a zone', url: `http://[fe80::${address}%25lo]:${port}/` },
  ]);
}

/** Ports of a public address that speak something other than the web. */
export const foreignPorts: Hostile[] = [
  1, 21, 22, 23, 25, 53, 110, 111, 135, 139, 143, 389, 445, 465, 514, 587, 631, 993,
].flatMap((port) => [
  { kind: 'a foreign port', url: `http://93.184.215.14:${port}/` },
  { kind: 'a foreign port', url: `https://public.example:${port}/` },
  { kind: 'a foreign port', url: `http://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:${port}/` },
]);

/** Names, with what a resolver says of them. */
export function hostileNames(port: number): (Hostile & { answers: string[] })[] {
  const carried = privateFourByteAddresses.map((address) => `::ffff:${address}`);
  const all = [...privateFourByteAddresses, ...privateSixteenByteAddresses, ...carried];
  const named = all.flatMap((address, index) => [
    { kind: 'a private name', name: `private-${index}.example`, answers: [address] },
    { kind: 'public first', name: `first-${index}.example`, answers: ['93.184.215.14', address] },
    { kind: 'private first', name: `last-${index}.example`, answers: [address, '93.184.215.14'] },
  ]);
  const known = [
    ['metadata.google.internal', '169.254.169.254'],
    ['metadata', '169.254.169.254'],
    ['instance-data', '169.254.169.254'],
    ['localhost', '127.0.0.1'],
    ['LOCALHOST', '127.0.0.1'],
    ['localhost.', '127.0.0.1'],
    ['localhost.localdomain', '127.0.0.1'],
    ['ip6-localhost', '::1'],
    ['ⓛⓞⓒⓐⓛⓗⓞⓢⓣ', '127.0.0.1'],
    ['anything.localhost', '127.0.0.1'],
    ['kubernetes.default.svc', '10.96.0.1'],
    ['host.docker.internal', '192.168.65.2'],
    ['router', '192.168.1.1'],
  ].map(([name = '', address = '']) => ({ kind: 'a known name', name, answers: [address] }));
  return [...named, ...known].map(({ kind, name, answers }) => ({ kind, answers, url: `http://${name}:${port}/` }));
}
