import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { type SubmitEvent, useState } from 'react';
import { checkToken } from '../session-api.js';
import { signIn } from './access.js';

interface SignInProps {
  /** Why the token before counts no more. */
  readonly problem: string | undefined;
}

/** Asks for an access token. A stand-in for the sign-in of an application, which gets its tokens from its own back end. */
export function SignIn({ problem }: SignInProps) {
  const [text, setText] = useState('');
  const [refusal, setRefusal] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const token = text.trim();
  const shown = refusal ?? problem;

  const submit = async () => {
    setBusy(true);
    const sentence = await checkToken(token);
    setBusy(false);
    setRefusal(sentence);
    if (sentence === undefined) signIn(token);
  };
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    if (token !== '' && !isBusy) void submit();
  };

  return (
    <Box component="main" sx={{ m: 'auto', p: 3, width: '100%', maxWidth: 480 }}>
      <Box component="form" aria-label="Sign in" onSubmit={onSubmit} sx={{ display: 'grid', gap: 2 }}>
        <Typography component="h2" variant="h6">
          This server asks for a token
        </Typography>
        <Typography variant="body2" sx={{ color: 'text.secondary' }}>
          Whoever runs it makes one with <code>npm run token</code>. It is kept until you sign out or close this tab.
        </Typography>
        {shown !== undefined && (
          <Alert severity="error" data-code="unauthorized">
            {shown}
          </Alert>
        )}
        <TextField
          id="access-token"
          label="Access token"
          type="password"
          value={text}
          onChange={(event) => setText(event.target.value)}
          size="small"
          fullWidth
          autoComplete="off"
          slotProps={{ htmlInput: { spellCheck: false, autoCapitalize: 'none' } }}
        />
        <Button type="submit" variant="contained" disabled={token === '' || isBusy}>
          Sign in
        </Button>
      </Box>
    </Box>
  );
}
